// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// Frames replies.
enum MessageEncoder {
  /// `AwaitCapable`, which servers since 1.6 set in every OP_REPLY.
  private static let awaitCapable: Int32 = 8

  /// The flag of a reply that another one follows without being asked for.
  private static let moreToCome: Int32 = 2

  /// What a reply is numbered by.
  struct Numbers {
    /// The reply's own number.
    let reply: Int32
    /// The message it answers: in a stream the reply before.
    let answered: Int32
  }

  /// The bytes of a reply to `command`; `moreToCome` says that another one follows.
  static func encode(_ reply: Document, to command: IncomingCommand, _ numbers: Numbers, moreToCome: Bool = false)
    -> [UInt8]
  {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(reply.size + 48)
    append(0, to: &bytes)  // the length, set below
    append(numbers.reply, to: &bytes)
    append(numbers.answered, to: &bytes)
    switch command.form {
    case .message:
      append(OpCode.message.rawValue, to: &bytes)
      append(moreToCome ? MessageEncoder.moreToCome : 0, to: &bytes)
      bytes.append(0)  // a section of kind 0
    case .legacyQuery:
      append(OpCode.reply.rawValue, to: &bytes)
      append(awaitCapable, to: &bytes)
      append(0, to: &bytes)  // cursor id, two halves
      append(0, to: &bytes)
      append(0, to: &bytes)  // starting from
      append(1, to: &bytes)  // number returned
    }
    bytes.append(contentsOf: reply.bytes)
    let length = UInt32(clamping: bytes.count)
    for place in 0..<4 { bytes[place] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(place))) }
    return bytes
  }

  private static func append(_ value: Int32, to bytes: inout [UInt8]) {
    for place in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * Int32(place)))) }
  }
}
