// SPDX-License-Identifier: GPL-3.0-or-later

/// A queue: in at the end, out at the front, each in constant time over its life.
struct FIFO<Element> {
  private var elements: [Element?] = []
  private var head = 0

  /// The next one out.
  var first: Element? { head < elements.count ? elements[head] : nil }

  /// Whether it is empty.
  var isEmpty: Bool { head == elements.count }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func popFirst() -> Element? {
    guard head < elements.count else { return nil }
    defer {
      elements[head] = nil
      head += 1
      if head == elements.count || head >= 1_024 {
        elements.removeFirst(head)
        head = 0
      }
    }
    return elements[head]
  }
}
