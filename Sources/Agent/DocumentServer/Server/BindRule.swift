// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// When the port for drivers is bound. An address that others can reach is bound once it is known that there is a user:
/// before that, whoever connects might do anything.
struct BindRule: Sendable, Equatable {
  /// Whether only this machine can connect.
  let isLoopback: Bool
  /// Whether the cluster was known to have users before this process began. The users themselves lie in the data, which
  /// may be closed for long; nobody logs in meanwhile, and drivers hear why.
  let knowsUsers: Bool

  /// Whether the port is bound, as far as is known of users in the data; nil if it was not open yet.
  func binds(isEnabled: Bool?) -> Bool { isLoopback || knowsUsers || isEnabled == true }

  /// Whether drivers have to log in, as far as is known.
  func authentication(isEnabled: Bool?) -> DriverAuthentication {
    switch isEnabled {
    case nil: knowsUsers ? .on : .unknown
    case true?: .on
    case false?: .off
    }
  }

  /// Whether nothing is done without a login even while the data has no users. That is so where others can connect:
  /// data that is older than the users that were known opens no door.
  var needsLogin: Bool { !isLoopback }
}
