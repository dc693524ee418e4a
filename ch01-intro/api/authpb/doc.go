// Package authpb holds users, roles and permissions as the backend stores them. A user has
// roles, a role has permissions, a permission covers an interval of keys: there is nothing
// else in the model.
package authpb
