// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import Logging
internal import ReplicationCore

/// Where the scrub of a member's tables stands.
public struct ScrubStatus: Sendable, Equatable {
  /// Bytes of rows that were read since the generation was opened.
  public var bytes: UInt64 = 0
  /// Tables of the pass under way that were read, and all of them; both 0 while none is.
  public var tablesDone = 0
  /// All tables of the pass under way.
  public var tablesTotal = 0
  /// When the last pass ended, milliseconds since 1970; 0 if none did since the generation was opened.
  public var lastPassAtMilliseconds: Int64 = 0
  /// Why it does not go on now, nil if it does.
  public var pause: String?
}

/// Reading tables that nobody reads, so that damage is found while there are others to copy from.
extension ReplicaMember {
  /// How long a member may be silent to count as there.
  static let scrubPeerSilence = Duration.seconds(10)
  /// How long a scrub that must not go on waits until it looks again.
  static let scrubPause = Duration.seconds(1)

  /// Does the scrub's next step; answers how long the next one has to wait. Damage ends the member, as it does when a
  /// driver's read finds it.
  public func scrub(_ options: ScrubOptions) async -> Duration {
    guard !isClosed else { return Self.scrubPause }
    guard options.bytesPerSecond > 0 else {
      scrubStatus.pause = "turned off"
      return Self.scrubPause
    }
    if let reason = hindranceToScrub {
      scrubStatus.pause = reason
      return Self.scrubPause
    }
    scrubStatus.pause = nil
    let live = generation.id
    var course = scrubCourse.flatMap { $0.generation == live ? $0.course : nil } ?? ScrubCourse(options)
    switch course.next(now: now) {
    case .wait(let time): return time
    case .list:
      course.onTables(generation.store.tableNames, draw: .random(in: 0...Int.max), now: now)
      keep(course, of: live)
    case .read(let table, let key, let budget):
      do {
        guard let rows = try await checkpointer.scrub(live, table, after: key, budget: budget) else { return .zero }
        guard !isClosed, generation.id == live else { return .zero }
        let isOver = course.onRead(bytes: rows.bytes, last: rows.last, now: now)
        keep(course, of: live)
        noteScrubbed(rows.bytes, passIsOver: isOver)
      } catch {
        guard !isClosed, generation.id == live, !error.isRetryable else { return Self.scrubPause }
        measures.scrubFoundDamage()
        breakDown(error)
      }
    }
    return .zero
  }

  /// Why reading everything must wait, nil if it may go on: what it finds ends this member, so others have to be there.
  private var hindranceToScrub: String? {
    if isCopying { return "a copy is under way" }
    guard core.membership.isVoter(core.me) else { return nil }
    let majority = core.membership.voters.count / 2 + 1
    if core.role == .leader {
      let others = core.peers(now: now).count { peer in
        peer.member != core.me && peer.isVoter && !peer.needsSync
          && peer.silence.map { $0 < Self.scrubPeerSilence } == true
      }
      return others >= majority ? nil : "damage would leave the shard without a majority: \(others) others are heard"
    }
    return core.leader == nil ? "no primary is heard" : nil
  }

  private func keep(_ course: ScrubCourse, of generation: GenerationID) {
    scrubCourse = (generation, course)
    (scrubStatus.tablesDone, scrubStatus.tablesTotal) = (course.tablesDone, course.tablesTotal)
    if !course.isUnderWay { (scrubStatus.tablesDone, scrubStatus.tablesTotal) = (0, 0) }
  }

  private func noteScrubbed(_ bytes: Int, passIsOver: Bool) {
    scrubStatus.bytes += UInt64(clamping: bytes)
    measures.scrubbed(bytes: bytes)
    guard passIsOver else { return }
    scrubStatus.lastPassAtMilliseconds = oplog.wallClock()
    logger.info("all tables were read and are sound", metadata: ["bytes": "\(scrubStatus.bytes)"])
  }
}
