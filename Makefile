# The commands of this project; .ci/run has the checks.

# Packages of every kind and architecture, into dist/.
packages:
	go -C packaging/build run .

# What only a real system shows: packages installed by real package managers.
# Needs root, debootstrap, and the network of a package mirror.
test-packages:
	go -C packaging/build test -tags packages -timeout 60m .

.PHONY: packages test-packages
