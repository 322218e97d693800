// SPDX-License-Identifier: GPL-3.0-or-later
import Synchronization

/// A place that a closure made earlier can look into later.
final class Box<Value: Sendable>: Sendable {
  private let content = Mutex<Value?>(nil)
  var value: Value? { content.withLock { $0 } }
  func set(_ value: Value) { content.withLock { $0 = value } }
}
