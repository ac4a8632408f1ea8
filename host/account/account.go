// Package account deals with the system user that the plugin of a stage runs as. It finds
// the user, checks whether this process may start programs as another user and which
// paths the user can reach, and gives the user a folder.
package account

import (
	"errors"
	"fmt"
	"math"
	"os/user"
	"strconv"
	"strings"
)

// Account is a user of the machine.
type Account struct {
	Name string // for messages: the name, or "UID:GID" for a user who was given by numbers
	UID  int
	GID  int    // the primary group
	Home string // "/" when /etc/passwd has no entry for the user
}

// Lookup finds a user by "NAME", "UID" or "UID:GID". The last form needs no entry in
// /etc/passwd. Other directories, such as LDAP, are not used. Root is refused, because it
// has access to everything.
func Lookup(name string) (*Account, error) {
	a, err := find(name)
	switch {
	case err != nil:
		return nil, err
	case a.UID == 0:
		return nil, fmt.Errorf("user %s is root, who has access to everything", name)
	}
	return a, nil
}

// find finds a user, also root.
func find(name string) (*Account, error) {
	uid, gid, pair := strings.Cut(name, ":")
	if pair {
		a := &Account{Name: name, Home: "/"}
		var errs [2]error
		a.UID, errs[0] = id(uid)
		a.GID, errs[1] = id(gid)
		if errors.Join(errs[:]...) != nil {
			return nil, fmt.Errorf("%q is no UID:GID", name)
		}
		if entry, err := user.LookupId(uid); err == nil {
			a.Home = entry.HomeDir
		}
		return a, nil
	}
	entry, err := user.Lookup(name)
	if err != nil {
		if _, number := id(name); number != nil {
			return nil, fmt.Errorf("the machine has no user %q in /etc/passwd", name)
		}
		if entry, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("the machine has no user with the number %s in /etc/passwd, so that its group is not known", name)
		}
	}
	a := &Account{Name: entry.Username, Home: entry.HomeDir}
	var errs [2]error
	a.UID, errs[0] = id(entry.Uid)
	a.GID, errs[1] = id(entry.Gid)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("user %q in /etc/passwd: %w", name, err)
	}
	return a, nil
}

// id parses the number of a user or group. The largest number is refused, because for
// the kernel it means "no change".
func id(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err == nil && n == math.MaxUint32 {
		err = fmt.Errorf("%d is no user or group", n)
	}
	return int(n), err
}
