// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Synchronization

/// From which addresses a listener is connected to; replaceable while connections are open.
final class AddressGate: Sendable {
  private struct State: Sendable {
    var rule = AddressRule.anyone
    var changes = 0
  }

  private let state = Mutex(State())

  /// Replaces the rule; answers whether it is another one.
  func replace(_ rule: AddressRule) -> Bool {
    state.withLock { state in
      guard state.rule != rule else { return false }
      state.rule = rule
      state.changes += 1
      return true
    }
  }

  /// How often the rule has changed.
  var changes: Int { state.withLock { $0.changes } }

  /// Whether connections from an address are let in now.
  func admits(_ address: String?) -> Bool { state.withLock { $0.rule }.admits(address) }
}
