# Asks xencheck before dnf 4 installs a Xen hypervisor on this host.
#
# The question is put when the transaction is resolved and before anything is
# downloaded into the system. Only the code 30 of xencheck gate stops dnf.

import os
import subprocess

import dnf
import dnf.exceptions

GATE = ["/usr/bin/xencheck", "gate"]
REFUSED, ASK = 30, 20
KNOWN = (0, 2, 4, 10, 11, 12, ASK, REFUSED)


class Xencheck(dnf.Plugin):
    name = "xencheck"

    def resolved(self):
        """Judge the host for every package that dnf is about to install."""
        installing = list(self.base.transaction.install_set)
        removing = {p.name: p for p in self.base.transaction.remove_set}
        # A package that is new beside an update belongs to the update.
        updated = removing.get("xen-hypervisor") or removing.get("xen")
        for package in installing:
            if "xen" not in package.name and not self._configured():
                continue  # no process for each package of an upgrade
            if self._gate(package, removing.get(package.name, updated)) == REFUSED:
                raise dnf.exceptions.Error(
                    "xencheck refuses to install {} on this host".format(package.name))

    def _configured(self):
        """Whether other names may hold a hypervisor: then each is asked for."""
        if not hasattr(self, "_more"):
            self._more = bool(os.environ.get("XENCHECK_GATE_PACKAGES"))
            try:
                with open("/etc/xencheck/config.toml", "rb") as f:
                    self._more |= any(b"packages" in line.partition(b"#")[0] for line in f)
            except OSError:
                pass
        return self._more

    def _gate(self, package, installed):
        args = GATE + ["--package", package.name, "--version", package.evr, "--package-arch", package.arch]
        if installed is not None:
            args += ["--installed", installed.evr]
        root = self.base.conf.installroot
        if root.rstrip("/") != "":
            args += ["--elsewhere", root]
        try:
            code = subprocess.run(args, timeout=60, check=False).returncode
        except (OSError, subprocess.SubprocessError) as e:
            print("xencheck: warning: the host could not be judged ({}); "
                  "installing goes on.".format(e))
            return 0
        if code not in KNOWN:
            print("xencheck: warning: the host could not be judged; installing goes on.")
        if code == ASK:
            return self._ask()
        return code

    def _ask(self):
        """Ask the administrator; without a terminal there is nobody to ask."""
        if self.base.conf.assumeno:
            return REFUSED
        if self.base.conf.assumeyes or not hasattr(self.base, "output"):
            print("xencheck: warning: nobody could be asked; installing goes on.")
            return 0
        if self.base.output.userconfirm(msg="Install Xen on this host nevertheless? [y/N]: ", defaultyes_msg="Install Xen on this host nevertheless? [Y/n]: "):
            return 0
        return REFUSED
