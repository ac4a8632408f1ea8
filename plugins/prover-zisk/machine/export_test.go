package machine

// CheckPrivate is for tests: the default directory of root cannot be moved.
var CheckPrivate = checkPrivate
