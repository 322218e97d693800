// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// Frames replies.
enum MessageEncoder {
  /// `AwaitCapable`, which servers since 1.6 set in every OP_REPLY.
  private static let awaitCapable: Int32 = 8

  /// The bytes of a reply to `command`.
  static func encode(_ reply: Document, to command: IncomingCommand, requestID: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(reply.size + 48)
    append(0, to: &bytes)  // the length, set below
    append(requestID, to: &bytes)
    append(command.requestID, to: &bytes)
    switch command.form {
    case .message:
      append(OpCode.message.rawValue, to: &bytes)
      append(0, to: &bytes)  // flags
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
