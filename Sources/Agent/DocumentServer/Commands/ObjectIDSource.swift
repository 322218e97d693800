// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents
internal import Synchronization

/// Makes ObjectIds for documents that come without an `_id`, as drivers make them.
final class ObjectIDSource: Sendable {
  private let maker = UInt64.random(in: 0..<1 << 40)
  private let counter = Mutex(UInt32.random(in: 0..<1 << 24))

  func next() -> ObjectID {
    let count = counter.withLock { counter in
      counter = counter &+ 1
      return counter
    }
    return ObjectID(seconds: UInt32(truncatingIfNeeded: WallClock.milliseconds() / 1000), maker: maker, counter: count)
  }
}
