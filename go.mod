module github.com/xencheck/xencheck

go 1.26
