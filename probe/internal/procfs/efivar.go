package procfs

import "fmt"

// SecureBoot reads the SecureBoot variable as efivarfs shows it: four bytes of
// attributes, then one byte that is 1 when Secure Boot is on (UEFI 2.10,
// section 3.3; Documentation/filesystems/efivarfs.rst).
func SecureBoot(variable []byte) (bool, error) {
	if len(variable) != 5 {
		return false, fmt.Errorf("the SecureBoot variable has %d bytes, not 5", len(variable))
	}
	switch variable[4] {
	case 0:
		return false, nil
	case 1:
		return true, nil
	}
	return false, fmt.Errorf("the SecureBoot variable is %d, neither 0 nor 1", variable[4])
}
