// SPDX-License-Identifier: GPL-3.0-or-later

/// What happens when, on a virtual clock: a binary heap by moment and order of entry.
struct EventQueue {
  struct Event {
    let at: Int64
    let order: UInt64
    let run: () -> Void
  }

  private var heap: [Event] = []
  private var entered: UInt64 = 0

  mutating func add(at: Int64, _ run: @escaping () -> Void) {
    entered += 1
    heap.append(Event(at: at, order: entered, run: run))
    var child = heap.count - 1
    while child > 0, precedes(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func popFirst() -> Event? {
    guard let first = heap.first else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && precedes(child, least) { least = child }
      if least == parent { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private func precedes(_ left: Int, _ right: Int) -> Bool {
    (heap[left].at, heap[left].order) < (heap[right].at, heap[right].order)
  }
}
