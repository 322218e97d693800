// SPDX-License-Identifier: GPL-3.0-or-later
internal import CMessages

extension Envelope {
  /// Decodes an envelope; throws what is wrong with it, with the message's id as far as it could be read.
  public init(decoding bytes: [UInt8]) throws(MessageError) {
    try self.init(decoding: unsafe bytes.span.bytes)
  }

  /// Decodes an envelope out of a receive buffer, without a copy of it.
  public init(decoding bytes: RawSpan) throws(MessageError) {
    let count = bytes.byteCount
    guard count <= Self.maximumEncodedBytes else {
      throw MessageError(.tooLarge, "\(count) bytes, at most \(Self.maximumEncodedBytes) are allowed")
    }
    let arena = try WireArena(budget: WireArena.budget(forBytes: count))
    let root = unsafe bytes.withUnsafeBytes { buffer in
      unsafe kf_envelope_unpack(arena.handle, buffer.count, buffer.bindMemory(to: UInt8.self).baseAddress)
    }
    self = try unsafe Self.read(root, from: arena)
  }

  /// Turns the C structs into values while the arena is lent.
  private static func read(
    _ root: UnsafeMutablePointer<Keyfold__V1__Envelope>?, from arena: borrowing WireArena
  ) throws(MessageError) -> Envelope {
    guard let root = unsafe root else {
      throw arena.isExhausted
        ? MessageError(.memoryBudget, "the message needs more memory than its size is worth")
        : MessageError(.malformed, "the bytes are no envelope")
    }
    let wire = unsafe WireReader(UnsafeRawPointer(root).assumingMemoryBound(to: ProtobufCMessage.self))
    do throws(MessageError) { return try Envelope(wire: wire) } catch {
      var located = error
      located.messageID = wire.uint64("message_id")
      throw located
    }
  }

  /// Encodes the envelope into an array, which nobody overwrites afterwards: for messages without secrets.
  public func encoded() throws(MessageError) -> [UInt8] {
    let packed = try PackedEnvelope(self)
    return unsafe [UInt8](unsafeUninitializedCapacity: packed.count) { buffer, filled in
      unsafe packed.write(into: UnsafeMutableRawBufferPointer(buffer))
      filled = packed.count
    }
  }
}

/// An envelope ready to be written into a buffer of the caller's; overwrites its own memory at the end.
@safe public struct PackedEnvelope: ~Copyable {
  private let arena: WireArena
  private let root: UnsafeMutablePointer<ProtobufCMessage>
  /// How many bytes it takes, at most `Envelope.maximumEncodedBytes`.
  public let count: Int

  /// Prepares an envelope; throws `embeddedNUL`, `memoryBudget` or `tooLarge`.
  public init(_ envelope: Envelope) throws(MessageError) {
    let arena = try WireArena(budget: WireArena.maximumBudget)
    let writer = try unsafe WireWriter(kf_envelope_descriptor(), in: arena.handle)
    try envelope.write(to: writer)
    let count = unsafe protobuf_c_message_get_packed_size(writer.message)
    guard count <= Envelope.maximumEncodedBytes else {
      throw MessageError(.tooLarge, "\(count) bytes, at most \(Envelope.maximumEncodedBytes) are allowed")
    }
    self.arena = arena
    unsafe root = writer.message
    self.count = count
  }

  /// Writes the `count` bytes to the start of `buffer`, which has to have room for them.
  public func write(into buffer: UnsafeMutableRawBufferPointer) {
    precondition(buffer.count >= count, "the buffer has no room for the envelope")
    guard let base = buffer.baseAddress else { return }
    unsafe protobuf_c_message_pack(root, base.assumingMemoryBound(to: UInt8.self))
  }
}
