package report

// fleet takes the summary of a fleet: counts, and no host. There is room for
// one, since nothing tells two of them apart.
func (p *prometheusDocument) fleet(f *Fleet) error {
	if len(p.samples["xencheck_fleet_records"]) > 0 {
		return refuse("metrics for Prometheus", "a second summary of a fleet")
	}
	g := &gauges{into: p}
	for _, v := range f.Verdicts {
		by := []label{{"asked", f.Asked[v.Asked]}, {"release", f.StatementName(v.Statement)}}
		for _, grade := range grades() {
			g.set("xencheck_fleet_hosts", int64(v.Grades[grade]), append(by[:2:2], label{"grade", string(grade)})...)
		}
	}
	for _, u := range f.Upgrades {
		for _, c := range []struct {
			change string
			hosts  int
		}{{"better", u.Better}, {"worse", u.Worse}, {"same", u.Same}, {"undecided", u.Undecided}} {
			g.set("xencheck_fleet_upgrade_hosts", int64(c.hosts), label{"from", f.Asked[u.From]}, label{"to", f.Asked[u.To]}, label{"change", c.change})
		}
	}
	for _, h := range f.Horizons {
		how := string(h.How)
		if h.Release == "" {
			how = "none"
		}
		xen := []label{{"xen", h.Release}, {"how", how}}
		g.set("xencheck_fleet_xen_hosts", int64(h.Hosts), xen...)
		g.date("xencheck_fleet_xen_security_support_end_timestamp_seconds", h.SecuritySupportUntil, 1, xen...)
	}
	for _, w := range f.Waivers {
		g.set("xencheck_fleet_waiver_hosts", int64(w.Hosts), label{"rule", w.Rule}, label{"row", w.Row}, label{"state", string(w.State)})
	}
	g.set("xencheck_fleet_records", int64(f.Records))
	g.set("xencheck_fleet_unusable_records", int64(f.Bad))
	g.set("xencheck_fleet_judged_timestamp_seconds", f.At.Unix())
	g.set("xencheck_fleet_exit_code", int64(f.ExitCode))
	return nil
}
