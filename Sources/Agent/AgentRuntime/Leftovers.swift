// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Logging
internal import Replication

/// Generations of data beside the live one: what was superseded has to go, and as long as any is left the status says
/// so.
struct Leftovers: Sendable {
  /// Those that are to be destroyed.
  var ids: Set<GenerationID> = []
  /// Whether there may be more, because the folder could not be listed when one was superseded.
  private(set) var isListingOwed = false

  /// How many there are on disk; at least one where the disk does not tell, because nobody knows that they are gone.
  func count(in directory: GenerationDirectory, beside live: GenerationID?) -> Int {
    do { return try directory.superseded(by: live).count } catch { return max(1, ids.count) }
  }

  /// Notes all generations but the live one and `kept` to be destroyed; if the folder can't be listed that stays owed.
  mutating func note(
    in directory: GenerationDirectory, beside live: GenerationID, except kept: GenerationID? = nil, logger: Logger
  ) {
    do {
      ids.formUnion(try directory.superseded(by: live).filter { $0 != kept })
      isListingOwed = false
    } catch {
      if !isListingOwed {
        logger.error("superseded generations could not be listed", metadata: ["reason": "\(error)"])
      }
      isListingOwed = true
    }
  }
}
