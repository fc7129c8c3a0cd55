//! Writes TUF: roles, delegations, publish, assign, revoke, rotate.
