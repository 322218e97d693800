// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Testing

@Suite("What older agents and command lines say is understood")
struct FormerFieldTests {
  @Test("boot ids of members are taken as their digests")
  func boots() throws {
    let sent = Samples.report
    let bytes = try Samples.envelope(.heartbeat(sent)).encoded()
    // envelope.heartbeat.report.membership.boot_digests, and boots in its place.
    let former = try changing([18, 1, 240, 290], in: bytes[...], to: 250, Array(Samples.boot.text.utf8))
    #expect(former != bytes)
    guard case .heartbeat(let report) = try Envelope(decoding: former).body else {
      Issue.record("another message came out")
      return
    }
    #expect(report == sent && report.membership?.boots?[Samples.node]?.matches(Samples.boot) == true)
  }

  @Test("a request that says nothing of parts takes none")
  func request() throws {
    let bytes = try Envelope(.operatorRequest(OperatorRequest(name: "status", takesParts: false))).encoded()
    guard case .operatorRequest(let request) = try Envelope(decoding: bytes).body else { throw Unreadable() }
    #expect(!request.takesParts && OperatorRequest(name: "status").takesParts)
  }

  private struct Unreadable: Error {}

  /// A message with the field at the end of `path` replaced by another one.
  private func changing(
    _ path: [UInt64], in message: ArraySlice<UInt8>, to number: UInt64, _ value: [UInt8]
  ) throws -> [UInt8] {
    var (rest, result) = (message, [UInt8]())
    while !rest.isEmpty {
      let begin = rest.startIndex
      let tag = try varint(&rest)
      guard tag & 7 == 2 else {
        switch tag & 7 {
        case 0: _ = try varint(&rest)
        case 1: rest = rest.dropFirst(8)
        case 5: rest = rest.dropFirst(4)
        default: throw Unreadable()
        }
        result += message[begin..<rest.startIndex]
        continue
      }
      let length = Int(clamping: try varint(&rest))
      let content = rest.prefix(length)
      rest = rest.dropFirst(length)
      if tag >> 3 != path.first {
        result += message[begin..<rest.startIndex]
      } else if path.count == 1 {
        result += bytes(number << 3 | 2) + bytes(UInt64(value.count)) + value
      } else {
        let inner = try changing(Array(path.dropFirst()), in: content, to: number, value)
        result += bytes(tag) + bytes(UInt64(inner.count)) + inner
      }
    }
    return result
  }

  private func varint(_ rest: inout ArraySlice<UInt8>) throws -> UInt64 {
    var (value, shift): (UInt64, UInt64) = (0, 0)
    while let byte = rest.popFirst() {
      value |= UInt64(byte & 127) << shift
      if byte < 128 { return value }
      shift += 7
    }
    throw Unreadable()
  }

  private func bytes(_ value: UInt64) -> [UInt8] {
    var (value, bytes) = (value, [UInt8]())
    while value > 127 {
      bytes.append(UInt8(value & 127) | 128)
      value >>= 7
    }
    return bytes + [UInt8(value)]
  }
}
