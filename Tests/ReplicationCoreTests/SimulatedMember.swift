// SPDX-License-Identifier: GPL-3.0-or-later
import ReplicationCore
import Simulator

/// A member of the simulated shard: its disk, and while it runs its core and its data.
struct SimulatedMember {
  let name: MemberID
  var disk: SimulatedDisk
  var core: RaftCore?
  /// Counts its starts, so that events of an earlier life are dropped.
  var life = 0
  var startedAt = 0
  var pausedUntil = 0
  /// The data in memory: applied up to here, with this content.
  var appliedIndex: UInt64 = 0
  var appliedChain: UInt64 = 0
  /// Proposals of this leader whose clients wait.
  var waiting: [LogPosition] = []

  var isRunning: Bool { core != nil }

  /// Whether it lost data since its last start.
  var isHurt = false

  mutating func start(seed: UInt64, now: Int, ignoringFloor: Bool) throws {
    let restored = try disk.restored(ignoringFloor: ignoringFloor)
    isHurt = false
    core = try RaftCore(me: name, settings: SimulationPlan.settings, restored: restored, seed: seed, now: .zero)
    life += 1
    startedAt = now
    pausedUntil = 0
    appliedIndex = restored.appliedIndex
    appliedChain = disk.durable.appliedChain
    waiting = []
  }

  mutating func stop() {
    core = nil
    waiting = []
  }
}
