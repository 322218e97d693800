// SPDX-License-Identifier: GPL-3.0-or-later

/// Virtual time: a binary heap of moments, equal ones in the order they were entered. What happens then is kept by the
/// caller, under the slot number it gets; slots are used again.
package struct Timeline {
  private struct Item {
    var at: Int64
    var order: UInt64
    var slot: Int
  }

  /// The moment of the item taken last.
  package private(set) var now: Int64 = 0
  /// How many items were taken.
  package private(set) var taken: UInt64 = 0
  private var heap: [Item] = []
  private var free: [Int] = []
  private var slots = 0
  private var order: UInt64 = 0

  package init() {}

  /// The moment of the next item, nil if there is none.
  var nextMoment: Int64? { heap.first?.at }

  /// Enters a moment `delay` from now; answers its slot, which is one above the highest before or one taken already.
  package mutating func add(after delay: Int64) -> Int {
    let slot: Int
    if let last = free.popLast() {
      slot = last
    } else {
      slot = slots
      slots += 1
    }
    order += 1
    let item = Item(at: now + max(delay, 0), order: order, slot: slot)
    heap.append(item)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if !Self.precedes(item, heap[parent]) { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = item
    return slot
  }

  /// Takes the next moment and answers its slot; nil if nothing happens any more.
  package mutating func next() -> Int? {
    guard let first = heap.first, let last = heap.popLast() else { return nil }
    now = first.at
    taken += 1
    free.append(first.slot)
    if !heap.isEmpty { sink(last) }
    return first.slot
  }

  /// Goes on to `moment`, before which nothing happens.
  mutating func rest(until moment: Int64) { now = max(now, moment) }

  private mutating func sink(_ item: Item) {
    var parent = 0
    let count = heap.count
    while true {
      var child = 2 * parent + 1
      if child >= count { break }
      if child + 1 < count, Self.precedes(heap[child + 1], heap[child]) { child += 1 }
      if !Self.precedes(heap[child], item) { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = item
  }

  private static func precedes(_ left: Item, _ right: Item) -> Bool {
    left.at < right.at || (left.at == right.at && left.order < right.order)
  }
}
