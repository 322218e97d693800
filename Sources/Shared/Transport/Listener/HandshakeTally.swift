// SPDX-License-Identifier: GPL-3.0-or-later

/// Counts the connections that ended before they proved a key.
///
/// libzmq names a connection when it begins and when it ends, but not when its handshake succeeds. What is certain: of
/// all accepted connections those that neither succeeded nor may still be at it were refused. One that succeeded and
/// has said nothing yet may still be at it, as far as we know; so the count may lag behind, never lead.
struct HandshakeTally {
  private var accepted: UInt64 = 0
  private var succeeded: UInt64 = 0
  private var refused: UInt64 = 0
  private var open: Set<Int32> = []

  mutating func onAccepted(_ descriptor: Int32) {
    accepted += 1
    open.insert(descriptor)
  }

  mutating func onSucceeded() { succeeded += 1 }

  /// Answers how many more refused handshakes there are; `isSpeaking` tells whether a connection has sent a message.
  mutating func onDisconnected(_ descriptor: Int32, isSpeaking: (Int32) -> Bool) -> UInt64 {
    open.remove(descriptor)
    let unsettled = succeeded + UInt64(open.filter { !isSpeaking($0) }.count)
    guard accepted > unsettled, accepted - unsettled > refused else { return 0 }
    defer { refused = accepted - unsettled }
    return accepted - unsettled - refused
  }
}
