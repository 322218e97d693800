// SPDX-License-Identifier: GPL-3.0-or-later

import Synchronization

/// A place for a value that a concurrent closure finds.
final class Box<Value: Sendable>: Sendable {
  private let stored = Mutex<Value?>(nil)

  var value: Value? {
    get { stored.withLock { $0 } }
    set { stored.withLock { $0 = newValue } }
  }
}
