// SPDX-License-Identifier: GPL-3.0-or-later
internal import Metrics

/// The metrics of a node that are read from its parts at a scrape.
enum AgentMetrics {
  static let phase = Metric(
    .gauge, "keyfold_node_phase", labels: ["phase"], "1 for the phase the node's life is in, 0 for the others.")
  static let connected = Metric(.gauge, "keyfold_coordinator_connected", "1 while the coordinator is connected.")
  static let commands = Metric(
    .counter, "keyfold_commands_total", labels: ["outcome"], "Answers to the coordinator's commands.")
  static let superseded = Metric(
    .gauge, "keyfold_superseded_generations", "Generations of data that are not live and not destroyed yet.")

  // Raft.
  static let role = Metric(
    .gauge, "keyfold_raft_role", labels: ["role"], "1 for the part the member plays, 0 for the others.")
  static let takesWrites = Metric(.gauge, "keyfold_raft_takes_writes", "1 while the node is primary and takes writes.")
  static let term = Metric(.gauge, "keyfold_raft_term", "The Raft term.")
  static let lastIndex = Metric(.gauge, "keyfold_raft_last_index", "The last oplog index on this node's disk.")
  static let commitIndex = Metric(.gauge, "keyfold_raft_commit_index", "The last index it knows to be committed.")
  static let appliedIndex = Metric(.gauge, "keyfold_raft_applied_index", "The last index its data holds.")
  static let oplogBytes = Metric(
    .gauge, "keyfold_oplog_bytes", "Bytes of the entries in the oplog, before compression.")
  static let oplogEntries = Metric(.gauge, "keyfold_oplog_entries", "Entries in the oplog.")
  static let oplogWindow = Metric(
    .gauge, "keyfold_oplog_window_seconds", "How long a member may be away and still catch up from the oplog.")
  static let recovering = Metric(
    .gauge, "keyfold_raft_recovering", "1 while the member neither votes nor campaigns because it lost what it had.")
  static let voters = Metric(.gauge, "keyfold_raft_voters", "Members with a vote.")
  static let needsSync = Metric(
    .gauge, "keyfold_raft_needs_initial_sync", "1 if the node can't catch up from the primary's oplog.")
  static let lag = Metric(
    .gauge, "keyfold_raft_member_lag_entries", labels: ["member"],
    "On the primary: oplog entries that a member does not have on disk yet.")
  static let silence = Metric(
    .gauge, "keyfold_raft_member_silence_seconds", labels: ["member"],
    "On the primary: how long ago a member was heard last.")

  static let refusedIncarnations = Metric(
    .counter, "keyfold_replication_refused_incarnations_total",
    "Messages in a member's name that were dropped because another process of it has its place.")

  // Copies.
  static let syncing = Metric(.gauge, "keyfold_sync_in_progress", "1 while the node copies into a new generation.")
  static let syncDocuments = Metric(.gauge, "keyfold_sync_documents", "Documents copied by the copy under way.")
  static let syncExpected = Metric(
    .gauge, "keyfold_sync_documents_expected", "Documents that the copy under way has to copy, as far as known.")
  static let syncBytes = Metric(.gauge, "keyfold_sync_bytes", "Bytes copied by the copy under way.")
  static let syncBytesExpected = Metric(
    .gauge, "keyfold_sync_bytes_expected", "Bytes that the copy under way has to copy, as far as known.")
  static let syncDocumentsBefore = Metric(
    .gauge, "keyfold_sync_documents_before",
    "Documents of keyfold_sync_documents that an attempt before an interruption had copied.")
  static let syncSecondsLeft = Metric(
    .gauge, "keyfold_sync_seconds_left", "What the copy under way still takes at its rate; missing while unknown.")
  static let syncOplogSeconds = Metric(
    .gauge, "keyfold_sync_oplog_seconds",
    "How long the sources' oplogs still reach back to the start of the copy under way, at the pace of their writes; "
      + "missing while unknown or longer than a year.")
  static let syncsServed = Metric(
    .gauge, "keyfold_sync_served", "Streams in which others copy this node's data now; a copy uses 2, a node serves 8.")

  // Keys.
  static let verdict = Metric(
    .gauge, "keyfold_kms_verdict", labels: ["verdict"], "1 for what the last check said of the customer's key.")
  static let checkAge = Metric(.gauge, "keyfold_kms_check_age_seconds", "How long ago the last check began.")
  static let encrypted = Metric(.gauge, "keyfold_encrypted", "1 if the live generation is encrypted.")
  static let masterKeyAge = Metric(.gauge, "keyfold_master_key_age_seconds", "How old the master key in use is.")
  static let restartProofAge = Metric(
    .gauge, "keyfold_restart_proof_age_seconds",
    "How long ago it was proven that the stored keystore opens under the key in use; missing before it was.")
  static let keystoreVersion = Metric(.gauge, "keyfold_keystore_version", "The version of the keystore in use.")
  static let databaseKeys = Metric(
    .gauge, "keyfold_database_keys", "Keys below the master key, with the system's and the oplog's.")

  // Scrub.
  static let scrubAge = Metric(
    .gauge, "keyfold_scrub_last_pass_age_seconds",
    "How long ago all tables of the open generation had been read; none before they were.")
  static let scrubPaused = Metric(.gauge, "keyfold_scrub_paused", "1 while the scrub is off or waits.")

  // Memory.
  static let cache = Metric(.gauge, "keyfold_cache_used_bytes", "Memory that the engine's pages take.")
  static let cacheDirty = Metric(.gauge, "keyfold_cache_dirty_bytes", "The part of it that is not written yet.")
  static let cacheLimit = Metric(.gauge, "keyfold_cache_limit_bytes", "The memory that the engine's pages may take.")

  /// All that is measured here.
  static let all = [
    phase, connected, commands, superseded, role, takesWrites, term, lastIndex, commitIndex, appliedIndex, oplogBytes,
    oplogEntries, oplogWindow, recovering, voters,
    needsSync, lag, silence, refusedIncarnations, syncing, syncDocuments, syncDocumentsBefore, syncExpected, syncBytes,
    syncBytesExpected, syncSecondsLeft, syncOplogSeconds, syncsServed, verdict, checkAge, encrypted, masterKeyAge,
    restartProofAge, keystoreVersion, databaseKeys, scrubAge, scrubPaused, cache, cacheDirty, cacheLimit,
  ]
}
