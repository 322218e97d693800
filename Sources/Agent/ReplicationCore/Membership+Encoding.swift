// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

extension Membership {
  /// The version of the encoding.
  private static let formatVersion: UInt8 = 1

  /// The payload of a membership entry: version, then voters and learners, each a 16-bit count and names with a 16-bit
  /// length in front; little-endian.
  public func encoded() -> [UInt8] {
    var bytes: [UInt8] = [Self.formatVersion]
    for members in [voters, learners] {
      bytes.appendUInt16(members.count)
      for member in members {
        bytes.appendUInt16(member.text.utf8.count)
        bytes += Array(member.text.utf8)
      }
    }
    return bytes
  }

  /// Decodes a payload; throws `malformedMembership` for anything that `encoded()` would not have written.
  public init(decoding bytes: [UInt8]) throws(ReplicationError) {
    var reader = ByteReader(bytes)
    guard reader.byte() == Self.formatVersion else {
      throw ReplicationError(
        .malformedMembership, "decoding a membership: its format version is not \(Self.formatVersion)")
    }
    let voters = try Self.members(from: &reader)
    let learners = try Self.members(from: &reader)
    guard reader.remaining == 0 else {
      throw ReplicationError(.malformedMembership, "decoding a membership: there are bytes behind its end")
    }
    try self.init(voters: voters, learners: learners)
  }

  private static func members(from reader: inout ByteReader) throws(ReplicationError) -> [MemberID] {
    guard let count = reader.uint16(), count <= maximumMembers else {
      throw ReplicationError(.malformedMembership, "decoding a membership: its count of members cannot be")
    }
    var members: [MemberID] = []
    for _ in 0..<count {
      guard let text = reader.text() else {
        throw ReplicationError(.malformedMembership, "decoding a membership: a name is cut off or no UTF-8")
      }
      do { members.append(try MemberID(text)) } catch {
        throw ReplicationError(
          .malformedMembership, "decoding a membership: a name is none", underlying: error.description)
      }
    }
    return members
  }
}
