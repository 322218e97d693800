// SPDX-License-Identifier: GPL-3.0-or-later
internal import CMessages

/// The memory of one message while it is encoded or decoded: within a budget, overwritten at the end.
@safe struct WireArena: ~Copyable {
  /// What any message may take; on the wire two bytes can ask for a whole C struct.
  static let baseBudget = 1 << 20
  /// What each byte on the wire may take in addition: a small entry of a list takes some 15 bytes for one.
  static let budgetPerByte = 32
  /// What no message may exceed.
  static let maximumBudget = 64 << 20

  let handle: OpaquePointer

  /// Throws `memoryBudget` if the system has no memory at all.
  init(budget: Int) throws(MessageError) {
    guard let handle = unsafe kf_arena_create(budget) else {
      throw MessageError(.memoryBudget, "no memory for a message")
    }
    unsafe self.handle = handle
  }

  /// The budget for decoding so many bytes.
  static func budget(forBytes count: Int) -> Int { min(baseBudget + count * budgetPerByte, maximumBudget) }

  deinit { unsafe kf_arena_destroy(handle) }

  /// Whether a piece was refused.
  var isExhausted: Bool { unsafe kf_arena_exhausted(handle) }
}
