// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Whether a connection may send large messages: as soon as somebody is logged in on it, or while nobody has to.
///
/// A message is cut into documents before anybody looks at who sends it, and its memory is everybody's; so strangers
/// may send no more than a login takes.
final class MessagePermit: Sendable {
  private let directory: AccessDirectory?
  private let needsLogin: Bool
  private let hasLogin = Atomic<Bool>(false)

  /// Without a directory everybody may; where nothing is done without a login, nobody may before one.
  init(directory: AccessDirectory?, needsLogin: Bool = false) {
    (self.directory, self.needsLogin) = (directory, needsLogin)
  }

  /// Whether somebody is logged in on the connection.
  var isLoggedIn: Bool {
    get { hasLogin.load(ordering: .relaxed) }
    set { hasLogin.store(newValue, ordering: .relaxed) }
  }

  /// While it is not known whether there are users, there may be.
  var allowsLarge: Bool { isLoggedIn || directory.map { !needsLogin && $0.isEnabled == false } ?? true }
}
