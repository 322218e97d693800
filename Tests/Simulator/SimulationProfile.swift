// SPDX-License-Identifier: GPL-3.0-or-later

/// What one seed does to its cluster: how large it is, which faults happen, and how often.
package struct SimulationProfile: Sendable {
  package let seed: UInt64
  package var members: Int
  /// How long faults last, in virtual milliseconds.
  package var faultySpan: Int64
  /// The longest wait between two faults, in milliseconds.
  package var faultInterval: Int64
  /// How often a message is lost, comes twice, or comes late, in a thousand.
  package var loss: Int64
  package var duplication: Int64
  package var lateness: Int64
  /// How late a message may be, in milliseconds.
  package var latest: Int64
  /// How often a process dies before one of its durable steps, in a million.
  package var crashesPerStep: Int64
  package var crashes: Bool
  package var coordinatorCrashes: Bool
  package var partitions: Bool
  package var pauses: Bool
  package var slowNodes: Bool
  package var clockJumps: Bool
  package var outages: Bool
  package var revocations: Bool
  package var dataLoss: Bool
  package var trims: Bool
  /// Whether operators put another customer key in place of the one in use.
  package var keyChanges: Bool
  /// Whether a process has another port in each of its lives, so that its peers have to be told.
  package var movingAddresses: Bool
  /// Milliseconds between two writes of the client, at least.
  package var writeInterval: Int64
  package var checkpointInterval: Int64
  package var broken: BrokenRule?
  /// Whether a coordinator that died may come back with an older copy of its store.
  package var restores: Bool
  /// Whether more nodes are lost at once than a majority can spare.
  package var majorityLoss: Bool
  /// Whether operators add and remove nodes, and how many machines stand by for it.
  package var memberChanges: Bool
  package var spares: Int

  package init(seed: UInt64) {
    var dice = Dice(seed: seed &* 0x9E37_79B9_7F4A_7C15 &+ 1)
    self.seed = seed
    members = dice.pick([1, 3, 3, 3, 3, 3, 3, 5]) ?? 3
    faultySpan = dice.chance(80) ? dice.within(900_000...1_500_000) : dice.within(150_000...420_000)
    faultInterval = dice.pick([4000, 15_000, 45_000]) ?? 15_000
    loss = dice.chance(600) ? dice.within(0...60) : 0
    duplication = dice.chance(500) ? dice.within(0...40) : 0
    lateness = dice.chance(500) ? dice.within(0...40) : 0
    // Some networks are so slow that words of a coordinator arrive after its successor's.
    let isSlow = seed.isMultiple(of: 3)
    latest = isSlow ? 20_000 : 5000
    if isSlow { lateness += 150 }
    crashes = dice.chance(800)
    crashesPerStep = crashes ? dice.pick([20, 200, 2000]) ?? 20 : 0
    coordinatorCrashes = dice.chance(700)
    partitions = dice.chance(600)
    pauses = dice.chance(400)
    slowNodes = dice.chance(300)
    clockJumps = dice.chance(300)
    outages = dice.chance(600)
    revocations = dice.chance(400)
    dataLoss = members >= 3 && dice.chance(300)
    trims = dice.chance(500)
    movingAddresses = dice.chance(300)
    writeInterval = dice.pick([150, 400, 1500]) ?? 400
    checkpointInterval = dice.pick([5000, 20_000, 60_000]) ?? 60_000
    majorityLoss = members >= 3 && !dataLoss && dice.chance(150)
    // A store from before a recovery would let those vote again that were left behind.
    restores = coordinatorCrashes && !majorityLoss && dice.chance(250)
    keyChanges = dice.chance(400)
    // A store from before a node left would have it back.
    memberChanges = !restores && dice.chance(300)
    spares = memberChanges ? Int(dice.within(1...2)) : 0
  }

  /// The seed's profile with a rule broken, and more of the faults by which that shows.
  package init(seed: UInt64, breaking rule: BrokenRule) {
    self.init(seed: seed)
    broken = rule
    (restores, majorityLoss) = (false, false)
    let isOfMembers = rule == .leaveBeforeRetired || rule == .keysSurviveLeaving
    (memberChanges, spares) = (isOfMembers, isOfMembers ? 2 : 0)
    members = 3
    faultySpan = 240_000
    faultInterval = 6000
    keyChanges = false
    switch rule {
    case .voteNotPersisted, .acknowledgeBeforeSync:
      (crashes, crashesPerStep, partitions, writeInterval) = (true, 3000, true, 150)
    case .acceptOlderEpoch: (coordinatorCrashes, lateness, latest, revocations) = (true, 300, 20_000, false)
    case .destroyBeforeRename: (crashes, crashesPerStep, partitions) = (true, 2500, false)
    case .resyncedVotesAtOnce: (dataLoss, crashes, partitions, faultInterval) = (true, true, true, 3000)
    case .sendBeforePersist, .forgetCommandIDs: coordinatorCrashes = true
    case .rotateUnasked: (outages, revocations) = (false, false)
    case .leaveBeforeRetired, .keysSurviveLeaving: (outages, revocations, dataLoss) = (false, false, false)
    case .ignoreHealth: (crashes, crashesPerStep) = (true, 200)
    }
  }

  /// The profile in one line, for a trace.
  var summary: String {
    let flags: [(String, Bool)] = [
      ("crashes", crashes), ("coordinator crashes", coordinatorCrashes), ("partitions", partitions),
      ("pauses", pauses), ("slow nodes", slowNodes), ("clock jumps", clockJumps), ("outages", outages),
      ("revocations", revocations), ("data loss", dataLoss), ("trims", trims), ("moving addresses", movingAddresses),
      ("key changes", keyChanges),
      ("restored stores", restores), ("lost majority", majorityLoss),
      ("members", memberChanges),
    ]
    return "\(members) members, \(faultySpan / 1000) s of faults: "
      + flags.filter(\.1).map(\.0).joined(separator: ", ")
  }
}
