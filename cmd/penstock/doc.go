// Command penstock is the agent and its tools.
//
// It owns the command line: arguments, signals, exit codes and where messages go. What the commands
// do is the business of other packages.
//
// What follows is the map of the whole repository, for those who carry on. A test,
// TestMapNamesWhatIsThere in cmd/penstock, checks that the files, tests, variables and targets it
// names are there.
//
// # The way of a record: the edge
//
// From a line in a file to a topic, and back to the position of the file:
//
//  1. inputs/tail/discover.go, inputs/tail/watch.go: the globs find the file, inotify says it
//     grows.
//  2. inputs/tail/manager.go, inputs/tail/scan.go, inputs/tail/compare.go: which file this is
//     (inputs/tail/ident.go), and where to go on in it after a restart (inputs/tail/adopt.go).
//  3. inputs/tail/queue.go, inputs/tail/worker.go: one worker has the file's turn and reads a
//     block.
//  4. inputs/tail/frame.go: the block is cut into lines; those over max_line_size are split,
//     truncated or skipped, as long_lines says, here (cutLong) or in inputs/tail/encode.go
//     (tooLong). Events of several lines are cut in inputs/tail/multiline.go, the lines of
//     containers taken apart in inputs/container/container.go and joined in
//     inputs/tail/container.go. inputs/tail/order.go decides in which order the generations of a
//     log are read.
//  5. inputs/tail/encode.go: lines become a batch (buffer/record/builder.go) with tag
//     (inputs/tail/tag.go) and origin.
//  6. inputs/tail/tail.go: batch and position (inputs/tail/position.go) go to the sink, in one
//     Append.
//  7. agent/sink.go: the pipeline's buffer as the input sees it. Counted; what is too large for the
//     buffer goes to the dead letter. Where the pipeline joins records, that is done here, with the
//     filters that stand before it (agent/front.go, agent/joining/joiner.go).
//  8. buffer/append.go, in spill mode buffer/spill.go: the batch gets its place in the order. Here
//     appends wait while the buffer is full: that is the back-pressure.
//  9. buffer/commit.go, buffer/writer.go: group commit. What waits becomes groups
//     (buffer/group.go).
//  10. buffer/head.go: the groups are written to the newest segment's Badger database, and synced.
//  11. buffer/writer.go, publish: ACKNOWLEDGED. Readers may have the batch, and its done is called:
//     it is the input's ack. The chain of segments is kept by buffer/chain.go.
//  12. buffer/cursor.go: the output's cursor reads it, from memory (buffer/recent.go) while it
//     keeps up, from the segment's file (buffer/segment.go, buffer/vlog.go) while it does not.
//  13. agent/view.go: the log as this output sees it, routes (agent/routes.go) and filters
//     (agent/filter/chain.go) applied. Other filters run here, on the way out, and not before.
//     What a filter cannot handle passes unchanged and is counted, unless the filter says
//     otherwise; what no route takes is counted, and dropped or refused (agent/filter/route.go).
//  14. outputs/drain/drainer.go, outputs/drain/drain.go: the drain of this log into this output.
//  15. outputs/deliver/flight.go: the in-flight window.
//  16. outputs/deliver/lanes.go: one lane for each group of origins, or the starter of an
//     AsyncWriter; outputs/deliver/sender.go says what an error means: retry, dead letter or both.
//  17. outputs/kafka/writer.go: topics and what is known of them. The batch goes out as it lies
//     (outputs/kafka/direct.go) or record by record (outputs/kafka/records.go): these choose the
//     partition, by origin or by key (outputs/kafka/route.go). It is kept over all tries
//     (outputs/kafka/producer/partition.go); what is given back is placed anew, under what
//     outputs/kafka/mapping.go allows.
//  18. outputs/kafka/producer/producer.go, outputs/kafka/producer/machine.go: producer id, epoch
//     and sequence; then the answer (outputs/kafka/producer/outcome.go).
//  19. outputs/kafka/events.go, outputs/kafka/delivery.go: DELIVERED, once all its records are.
//  20. outputs/deliver/lanes.go, outputs/deliver/flight.go: the entry is done, and popped once all
//     before it are.
//  21. outputs/deliver/ledger.go: COMMITTED. The position goes to the cursor (buffer/cursor.go),
//     which stores it through buffer/writer.go. Segments that every cursor has passed are removed.
//
// An input of several pipelines is read by the first of them, its owner. agent/feed.go takes its
// records from the owner's buffer (step 12) into the buffer of each other one, a reader (step 7),
// and stores with them how far it has come; agent/takeover.go refuses another owner, or makes one
// of the last reader. Batches tell by which input they came (InputID in buffer/record/kafka.go).
//
// The tail's position is stored with the records (step 10). In spill mode records may never be
// written: then it is stored with the cursors once all have passed them (buffer/spill.go,
// buffer/commit.go). agent/pipeline.go starts and stops all of this; agent/build.go makes it from a
// configuration.
//
// With delivery = "exactly_once" steps 14 to 21 are outputs/drain/txn.go, outputs/deliver/txn.go,
// outputs/kafka/session.go and outputs/kafka/producer/txn.go; buffer/prepare.go keeps what is known
// on disk of transactions whose outcome is not.
//
// # The overflow, and back
//
//  1. outputs/deliver/health.go: nothing was taken for failover.after, or the buffer is filling up.
//  2. outputs/overflow/controller.go: desiredState says who works on the log; adjust sees to it.
//     The flight ends; what the destination has of the log beyond the position is remembered
//     (outputs/deliver/acknowledged.go).
//  3. outputs/overflow/mover.go: the oldest batches become one object
//     (outputs/recordline/object.go, named by outputs/recordline/names.go).
//  4. outputs/overflow/note.go: the intent, committed in the log's note, at the old position.
//  5. spool/putonce.go, spool/store.go: the object is put, unless it is there.
//  6. outputs/deliver/ledger.go: the position after it is committed, without the intent.
//  7. outputs/overflow/controller.go: the destination answers (outputs/kafka/probe.go) for
//     failover.recover, so replay begins.
//  8. outputs/overflow/lease.go: the lease on the objects is taken.
//  9. outputs/overflow/replayer.go, outputs/overflow/source.go: objects are listed, oldest first,
//     and read; what the destination has already is skipped (outputs/overflow/inventory.go
//     compares).
//  10. outputs/deliver/flight.go: they go the way of all batches.
//  11. outputs/overflow/remove.go: an object of which all is acknowledged is deleted. Once
//     nothing is listed any more, the log itself goes on.
//
// outputs/replay/replay.go does steps 8 to 11 by hand, for a host that is gone. Dead letters are
// looked at by outputs/replay/look.go, and replayed as that is; outputs/replay/rest.go takes
// exactly those away that were acknowledged. agent/deadletters.go has a running agent do it.
// outputs/replay/progress.go tells how far it is.
//
// # The forwarder
//
//  1. inputs/forward/forward.go, inputs/forward/conn.go: a connection, after its handshake
//     (inputs/forward/auth.go).
//  2. network/wire/message.go: messages and events are read as they arrive.
//  3. inputs/forward/gather.go: events of a tag become batches, and are appended: their maps as
//     JSON, or as they came where an output passes them on (takesMaps in agent/build.go,
//     buffer/record/form.go).
//  4. agent/sink.go and on through the buffer, as above (steps 7 to 11).
//  5. inputs/forward/acks.go: the ack is sent once all events of the chunk are durable.
//  6. outputs/forward/forward.go, outputs/forward/balance.go: the batch, as one chunk, goes to the
//     server whose turn it is (outputs/forward/server.go, outputs/forward/link.go), which acks it.
//
// # The consumer
//
//  1. inputs/kafka/input.go, inputs/kafka/session.go: a member of the group is given partitions.
//  2. inputs/kafka/lease.go: each is a log, a Lease, for as long as it is ours. A member that has
//     not heard of its group for session_timeout takes its leases for lost
//     (inputs/kafka/heartbeats.go).
//  3. inputs/kafka/reader.go: fetched records become batches (inputs/kafka/inflate.go bounds them).
//  4. agent/pipeline.go, agent/view.go: the log goes to its one output, through filters,
//     unbuffered.
//  5. spool/archiver.go, spool/drain.go: one drain for each log.
//  6. spool/records.go, spool/partition/partition.go: a record's path; spool/format/format.go: its
//     row.
//  7. spool/cut.go: rows are spooled, one file for each path (spool/budget.go bounds them).
//  8. spool/drain.go, due: a roll policy says that it is time; spool/commit.go seals the cut.
//  9. spool/protocol/machine.go: the intent is committed (inputs/kafka/offsets.go).
//  10. spool/upload.go, spool/finish.go: each file becomes an object named by spool/name.go and is
//     put (outputs/s3/store.go, outputs/gcs/store.go, outputs/local/store.go).
//  11. spool/protocol/machine.go: the end of the cut is committed. The records are ARCHIVED.
//  12. spool/complete.go, spool/hook/hook.go: what is complete is marked and told.
//
// An archive of a buffer, on an edge without Kafka, enters at step 5 with a cursor of the buffer.
//
// # Adding something
//
// Every component is a row of the one table in agent/catalogue.go (kinds of rows:
// agent/component.go): a name, a sentence, Default and New. Its Config is a struct beside its code
// whose tags (hcl, doc, oneof, unit; read in agent/config/schema.go) make both the decoder and
// "penstock help"; sizes have the unit "bytes", durations none (agent/config/units.go). Presets are
// set by Default, mistakes are reported by Validate. agent TestCatalogueIsConsistent,
// TestEveryFieldIsDocumented and agent TestReferenceOfEveryComponent then hold for it. Give it a
// doc.go, an example if it is for users (examples, each run by cmd/penstock/e2e TestExamples), and
// a line in CHANGELOG.md.
//
//   - An input: copy inputs/stdin/stdin.go (no position) or inputs/journald/journald.go (a
//     position). The contract is Input and Sink in inputs/inputs.go; framing and sockets are in
//     inputs/framing and inputs/listen. Row: InputType. It must pass the suite in
//     inputs/inputstest/conformance.go, called as in inputs/stdin TestConformance;
//     agent TestEveryInputIsTestedByTheSuite sees to that. What else it acknowledges and when shows
//     inputs/inputstest/memsink.go, as in inputs/journald TestCursorIsThePosition; what costs too
//     much fails in inputs TestMessagesCostInProportion. A source that is a log already, as Kafka
//     is, implements Source and the optional interfaces of buffer/record/log.go instead. Row:
//     SourceType; copy inputs/kafka/input.go. Redis would be a package redis in inputs: an Input
//     for lists or pub/sub; streams with consumer groups have positions of their own, and could be
//     a Source. A source that forgets what it hands out, as BLPOP does, is at least once from there
//     on only: better read with LRANGE, and LTRIM once done was called. The suite is told which it
//     is: Positioned where the source keeps what was not done, Acknowledged where senders wait for
//     an answer, Once where nobody has it but the input. What cannot be sent again
//     goes through inputs/framing/gather.go, which offers it until the sink has it; at a stop what
//     has arrived, and an answer that is on its way, is still read (LateReader), and has five
//     seconds to be stored (Stopping). The origin is what order is kept within: a file, a host, a
//     list. When a connection fails as a whole, Run returns the error: the agent starts the input
//     again, with backoff, and shows it as failed until it works (/readyz answers 503). What
//     remains are the pages of examples/reference, as after an attribute (below). agent/convert,
//     agent/starter and agent/config/foreigninputs.go need not know of it. An input or output that
//     has something to look at before it starts implements Checker of buffer/record/preflight on
//     its Config, as outputs/http/preflight.go does.
//   - An output: copy outputs/stdout/stdout.go; with requests, outputs/http/http.go. The contract
//     is Writer in outputs/outputs.go (AsyncWriter if it keeps order with several batches in
//     flight). Row: WriterType. It must pass the suite in outputs/outputtest/conformance.go, called
//     as in outputs/stdout TestConformance. Retry, dead letter, failover and metrics come with the
//     row.
//   - A filter: copy agent/filter/drop.go, or agent/filter/rename.go if it changes something. The
//     contract is Filter in agent/filter/filter.go. Row: FilterType, with what it costs. Its tests
//     go through a chain, as agent/filter TestWhereAndDrop does. It must give the same result for
//     the same record each time. Its page is made as those of attributes are.
//   - A format of the filter parse: copy agent/filter/formats/klog.go; register it in
//     agent/filter/parse.go; add its lines to agent/filter TestParseFormats and
//     agent/filter TestParseFormatsRefuse.
//   - A format of archives: copy the raw format in spool/format/lines.go; register it in the table
//     of spool/format/format.go and in spool/format/config.go. It must pass
//     spool/format TestRoundTrip, TestSameRecordsSameBytes and TestGoldenBytes, which are in
//     spool/format too.
//   - A store: copy outputs/gcs/store.go and outputs/gcs/output.go. The contract is Store in
//     spool/store.go, HTTP comes from spool/storehttp. Row: ArchiveType, which makes it an archive,
//     an overflow and a place for dead letters. It must pass spool/storetest/storetest.go, called
//     as in outputs/gcs TestStore.
//   - A metric: where what it counts happens; then the table of agent/metrics is made anew, by the
//     -update of agent/metrics TestTableIsWhatTheSourcesMake. What names it elsewhere is checked by
//     agent/metrics TestExamplesNameMetricsThatThereAre and
//     cmd/penstock/e2e TestHandbookNamesWhatIsThere. A state that operators see: agent/state.
//   - An attribute: with a doc tag, which is all the documentation it needs. The pages of
//     examples/reference are made anew by the -update of
//     cmd/penstock TestReferenceIsWhatHelpSays; so they are after a metric, a flag or an exit code.
//   - A change of a format on disk or in a store: its number goes up (formatVersion in
//     buffer/buffer.go and outputs/recordline/names.go, noteFormat in outputs/overflow/note.go,
//     DataDirFormat in agent/config/machine.go), what has the old number is still read, and so is
//     what every release has left behind: cmd/penstock/e2e TestDataDirectoriesOfEveryRelease, whose
//     -update packs what this one leaves behind beside it.
//   - Another tool to convert from: a package in agent/convert, as agent/convert/secor, and a line
//     in agent/convert/convert.go. Lines and the records that the tool itself makes of them go into
//     agent/convert/testdata, for agent/convert TestTheSameLinesGiveTheSameRecords.
//
// # What else there is
//
//   - agent/config: HCL to typed structs, mistakes with their places, the reference, "penstock
//     fmt". agent/reload.go: what a changed one does to a running agent.
//   - agent/state: what each input, output and pipeline is doing, told by page, JSON and metrics
//     alike; agent/admin shows it. agent/facts.go gathers what it is told from: failures of an
//     archive are those of spool/failurelogs.go, of other outputs outputs/drain/status.go. What an
//     output is shown as, such as retrying, is decided in agent/state/output.go. /readyz is 503
//     while the agent starts or stops, or has a problem of a kind that admin.not_ready names
//     (agent/status.go, readyLocked; its preset is NotReady in agent/state/pipeline.go).
//   - agent/trial.go, agent/cases: what would become of a record ("penstock try", "penstock test").
//   - agent/reference: what there is to say about a subject, as text, Markdown and man page; the
//     pages of examples/reference are held to it by cmd/penstock TestReferenceIsWhatHelpSays.
//   - agent/starter: a first configuration from a few answers ("penstock init").
//   - agent/graph, agent/convert: a configuration drawn; one of another tool turned into ours.
//   - agent/positions: how far another tool has read, for "penstock import-positions";
//     inputs/tail/takeover.go finds the files again.
//   - network: what inputs and outputs share of networks (addresses, TLS, the forward protocol, a
//     connection to Kafka); inputs/listen, inputs/framing, inputs/container (lines of container
//     runtimes): what inputs share; outputs/httpsend, spool/storehttp: what outputs over HTTP do.
//   - Who may import whom is checked by cmd/penstock TestArrowsPointDownwards.
//   - outputs/deadletter: where what is refused for good is kept: a directory, a store, or another
//     output; "penstock replay" sends it again (outputs/replay/replay.go).
//   - buffer/record/template, buffer/record/dialect, buffer/record/timefmt: the names in templates.
//   - buffer/record/fault: how failures are waited out and told; buffer/record/durable: how files
//     come to be on disk; buffer/record/dataformat: in which format something was written, and that
//     a later one is refused; buffer/record/msgpack: maps in msgpack, and the JSON that is seen of
//     them; buffer/record/jsontext: what is JSON, of any depth; buffer/record/preflight: what
//     components look at for "penstock validate --online", which agent/preflight.go has them do.
//   - spool/inspect: an archive from the outside ("penstock archive").
//
// # What is not obvious
//
// What must stay true, where, and the test that fails when it does not.
//
//   - A batch is acknowledged after the sync of the group that holds it (buffer/writer.go,
//     publish): buffer TestFailedWriteGoesToANewSegment. In spill mode what can be read again is
//     acknowledged once it has its place in the order (buffer/append.go, add), with sync = false
//     once it is written, and what is too large for the buffer once it is in the dead letter
//     (agent/sink.go). A forward ack waits for all events of its chunk, and after one failure
//     nothing more is acknowledged on that connection (inputs/forward/acks.go):
//     inputs/forward TestAckOnlyWhenDurable, inputs/forward TestCrashSendsNoAck. An answer of HTTP
//     waits likewise: inputs/http TestAnsweredOnlyWhenDurable.
//   - The position of an input is in the very group of the records that it stands for, never in one
//     before it, but for spill mode, below (buffer/commit.go):
//     buffer TestFluentBit10952_AcknowledgedDataSurvivesSIGKILL. The input hands
//     both over in one Append (inputs/tail/worker.go, deliver):
//     inputs/tail TestLogrotate286_CrashAfterACopyWasFound.
//   - How far a pipeline has come in another's buffer is stored with the records, in one Append,
//     and the cursor there is moved afterwards (agent/feed.go, run and commit):
//     agent TestFeedsGoOnBehindWhatIsStored,
//     cmd/penstock/e2e TestFedPipelinesSurviveCrashes. What a reader may have taken never comes
//     again under another position, so that an input with readers goes to disk first in spill mode,
//     too (agent/sink.go, newSink).
//   - Blocks of a file are encoded at the same time, but appended in the order of their turns
//     (inputs/tail/worker.go, turn): inputs/tail TestRandomWritersAndRestarts.
//   - In spill mode a position is stored once every cursor has passed its records, or the disk has
//     them (buffer/spill.go, safe; buffer/commit.go, gather, every 100 ms):
//     buffer TestPositionsOnlyFollowTheSlowestCursor,
//     buffer TestSpillModel.
//   - A buffer's directory has one owner, which holds its lock (buffer/sys.go):
//     buffer TestTwoOpenersAreRefused.
//   - A segment goes as a whole, once every cursor has passed it, those included that nobody has
//     opened (buffer/chain.go, trim): buffer TestUnopenedCursorHolds.
//   - The newest segment begins with the whole state, so that older ones can go (buffer/roll.go,
//     firstGroup): buffer TestManyPositions, buffer TestModel.
//   - A damaged segment is moved aside, never removed (buffer/retire.go, removeOne):
//     buffer TestDamagedValueLog.
//   - A filter's refusal is in the dead letter before its position is passed: the batch comes again
//     until it is (agent/view.go): agent TestViewKeepsABatchUntilWhatIsRefusedIsADeadLetter. So it
//     is with what a destination refuses (outputs/deliver/sender.go):
//     outputs/drain TestDeadLetterThatFailsHoldsTheLog.
//   - A topic that was deleted and made again is another log: positions, intents and objects of its
//     former life are not those of this one. A running consumer goes over to it
//     (inputs/kafka/life.go): inputs/kafka TestTopicMadeAgainIsReadByItself; an offset of the
//     former one is not used (inputs/kafka/offsets.go):
//     inputs/kafka TestOffsetOfAnEarlierLifeIsNotUsed; and its open intent is refused
//     (spool/drain.go): spool TestIntentOfAFormerLifeIsRefused.
//   - Batches of one origin share a lane, and so never overtake each other
//     (outputs/deliver/lanes.go): outputs/drain TestDrainUnderRandomFaults,
//     outputs/drain TestFailoverRoundTrip.
//   - An AsyncWriter itself sees to it that no record overtakes one of its order that failed or
//     waits: what comes in the round of a failure fails too (outputs/round.go), and what waits for
//     a topic is waited for (outputs/kafka/records.go):
//     outputs/kafka TestAddedPartitionsLetNothingOvertake.
//   - The committed position never passes a record that is not delivered, whatever behind it is
//     (outputs/deliver/flight.go, pop): outputs/drain TestDrainUnderRandomFaults.
//   - Neither a flight nor a replay begins before the writes of those before it have returned
//     (outputs/drain/drain.go, AwaitStragglers):
//     outputs/drain TestFlightsWaitForWritesThatWereGivenUp.
//   - A pause repeats nothing: what is delivered ahead, or in doubt, outlasts the drain of a log,
//     and is that of no other log (outputs/drain/lasting.go):
//     outputs/drain TestPauseWhileOneIsHeldUp, outputs/drain TestAnotherLogOfTheName,
//     outputs/kafka TestPauseWhileAnswersAreLost.
//   - The ledger alone commits to a log, and a commit of unknown outcome is made again before any
//     other, or a note would be lost (outputs/deliver/ledger.go):
//     outputs/deliver TestCommitOfUnknownOutcomeComesFirst.
//   - Intent, put, commit, in this order: no object is put that no intent names
//     (outputs/overflow/mover.go, putObject): outputs/drain TestKilledAtEveryStep.
//   - An object of the overflow is deleted by the replayer alone, of an agent or of "penstock
//     replay", once all its records are acknowledged (outputs/overflow/remove.go, Remove):
//     outputs/drain TestOutageDuringReplay; and once what was read is what was stored
//     (outputs/overflow/source.go): outputs/drain TestObjectIsDeletedOnlyOnceItIsDelivered,
//     outputs/drain TestReplayDeletesOnlyWhatItDelivered.
//   - The one exception is the object of an intent that was given up, whose records stay in the
//     log. It is deleted before anything else touches the store (outputs/overflow/mover.go,
//     deleteVoided): outputs/drain TestGivenUpCutIsNotReplayed.
//   - A replay needs the lease, so that of two one waits (outputs/overflow/lease.go):
//     outputs/drain TestReplayOfALostHostIsExclusive,
//     outputs/drain TestAgentAndReplayExcludeEachOther.
//   - The order of replay: objects are replayed oldest first (outputs/overflow/replayer.go), and
//     the log itself goes on only once none is left, but for order = "newest_first"
//     (outputs/overflow/condition.go, desired): outputs/drain TestFailoverRoundTrip,
//     outputs/drain TestOutageDuringReplay. What a listing leaves out, as it is not committed yet,
//     counts as one that is left (outputs/overflow/controller.go):
//     outputs/drain TestMoveCommittedAfterTheLastListing.
//   - Positions mean something within one log alone: an object, and what is not to be replayed of
//     it, carry the mark of theirs (outputs/overflow/note.go):
//     outputs/overflow TestSkipsAreOfTheirLog.
//   - A sequence that may have been used is not used for other records, and a batch of unknown fate
//     is not given back (outputs/kafka/producer/machine.go): outputs/kafka/producer TestModel. That
//     the model finds such faults shows outputs/kafka/producer TestModelFindsFaults.
//   - With exactly_once the position in Kafka wins over the one on disk (outputs/drain/txn.go,
//     laterPosition): outputs/kafka TestExactlyOnceAfterARestart,
//     outputs/kafka TestExactlyOnceWithAnOlderCopy.
//   - Of two agents with one transactional id, the one that ran before stops (outputs/drain/txn.go,
//     awaitEnd) and does not take it back (outputs/kafka/session.go, Ours):
//     cmd/penstock/e2e TestExactlyOnceTwinStops.
//   - A position that stays unstable in Kafka though nothing is open is ended in the way in which
//     its transaction ended, and in no other (outputs/kafka/producer/txn.go, endAgain):
//     outputs/kafka/producer TestTxnModel,
//     cmd/penstock/e2e TestExactlyOnceEndsWhatApacheKafkaHolds.
//   - A file is deleted or moved by the disposer alone (inputs/tail/disposer.go, remove), once
//     every output has what was read of it (inputs/tail/afterread.go, sweepFinished):
//     inputs/tail TestFinishedFilesAreDeletedOnceOutputsHaveThem,
//     inputs/tail TestWhatIsWrittenAtTheLastMomentIsNotLost.
//   - The generations of a log are read in the order in which they were written, each once
//     (inputs/tail/order.go, sortByAge): inputs/tail TestFamilyHistories.
//   - When the buffer is full inputs wait (buffer/space.go): a tail's lines are in the file, a
//     forward client gets no ack, HTTP answers 429 after wait (inputs/http/request.go, store), a
//     stream is not read on; what comes by UDP the kernel drops (inputs/framing/drops.go,
//     KernelDrops): buffer TestAppendBlocksAtMaxSizeUntilDelivered. With when_full = "drop_oldest"
//     whole segments go, and what was in them is counted (buffer/full.go, dropOldest):
//     buffer TestDropOldest.
//   - A partition's commit names the member and generation that it was ours in, and none is made
//     once it is lost (inputs/kafka/lease.go): inputs/kafka TestZombieCommit,
//     inputs/kafka TestRebalance. A silent group has it lost, too (inputs/kafka/heartbeats.go):
//     inputs/kafka TestSilentGroup.
//   - An archive uploads nothing of a cut before its intent is known to be committed
//     (spool/protocol/machine.go): spool TestUnconfirmedIntentUploadsNothing,
//     spool/protocol TestSimulation. A commit that was fenced never counts:
//     spool/protocol TestSimulation. That the simulation finds protocols broken on purpose shows
//     spool/protocol TestSimulationFindsBrokenProtocols.
//   - After a kill between upload and commit the intent is found, the same cut is made again under
//     the same names, and then its end is committed (spool/protocol/machine.go, New):
//     spool TestCrashAtEachStep.
//   - A cut that was begun is made again under the configuration that it was begun with, or not at
//     all (spool/protocol/machine.go, New): spool TestConfigChangedWithinACut.
//   - A cut made again that lacks records never overwrites an object that is there
//     (spool/upload.go): spool TestIncompleteRedoWhileTheStoreFails,
//     spool TestRetentionTookPartOfACut.
//   - A record's path follows from the record, never from a clock (spool/partition/partition.go):
//     spool/partition TestLateIsAFunctionOfTheRecordAlone; and a file's bytes from its rows
//     (spool/format/format.go): spool/format TestSameRecordsSameBytes.
//
// # Tests, debugging, profiles
//
// One package, one test, with its log:
//
//	go test ./outputs/drain -run 'TestFailoverModel$' -v
//	go test ./cmd/penstock -run 'TestScripts/reload' -v    # a script of cmd/penstock/testdata
//	go test -race ./buffer -run 'TestModel$'
//	make slowest PACKAGES=./buffer                         # which tests take the time
//
// Random tests print their seed, and take it back:
//
//	PENSTOCK_SEED=7 go test ./cmd/penstock/e2e -run 'TestEdgeSurvivesCrashes$' -v
//	PENSTOCK_SEED=7 go test ./buffer -run 'TestSpillModel$' -v
//	PENSTOCK_SEED=7 go test ./outputs/kafka -run 'TestExactlyOnceFailoverSoak' -v
//	PENSTOCK_SEED=7 go test ./outputs/drain -run 'TestFailoverModel$' -v
//	PENSTOCK_SEED=7 go test ./spool/protocol -run 'TestSimulation$' -v
//	PENSTOCK_SEED=7 go test ./inputs/tail -run 'TestRandomWritersAndRestarts' -v
//	PENSTOCK_SEED=7 go test ./outputs/kafka/producer -run 'TestModel$' -v
//
// What depends on the scheduling of processes is repeated only roughly by its seed. The names are
// the same everywhere, and listed in buffer/record/runtest. PENSTOCK_INTEGRATION=1 runs the long
// forms; PENSTOCK_LOG=1 shows what the parts under test log. PENSTOCK_KEEP=/tmp/it keeps
// configuration and log of an agent whose test failed (the data directory is the test's own).
// PENSTOCK_KILLS, PENSTOCK_HISTORIES, PENSTOCK_STEPS, PENSTOCK_FAULTS, PENSTOCK_TIME and
// PENSTOCK_BACKLOG make tests longer. Golden files are written anew with -update.
//
// Tests wait most of their time, so `make test` runs more of them at once than there are
// processors. A new test calls t.Parallel (in cmd/penstock/e2e parallel, which leaves the machine
// to the long forms) unless it changes or measures the whole process.
//
// What tests share, one place a room: buffer/record/runtest (seeds, waiting), inputs/inputstest
// (the inputs' suite, a sink), outputs/outputtest (the outputs' suite, destinations, logs and
// stores in memory), spool/storetest (a store's suite, faults of its server),
// buffer/record/costtest (memory and time in proportion), buffer/record/msgpack/msgpacktest
// (msgpack of all kinds), network/certtest (certificates), network/kafkaclient/gatetest (brokers
// with TLS and SASL).
//
// Real servers are started by cmd/penstock/e2e/servers, which skips what is not installed;
// .ci/integration installs them and says which variables name them. With PENSTOCK_KAFKA_BROKERS a
// running broker serves outputs/kafka TestRealBroker and inputs/kafka TestRealBroker.
//
// The demo, in a directory that is kept with all that its agent had in it:
//
//	bin/demo -dir /tmp/demo -rate 20000
//
// A running agent shows itself at agent.admin.listen (agent/admin/server.go): /api/status, /metrics
// and /tap. agent { log { level = "debug" } } says more, and SIGHUP brings it in. A stopped one's
// buffer is read by "penstock buffer ls", "peek" and "verify" (cmd/penstock/buffer.go), an archive
// by "penstock archive verify" and "lag".
//
// Profiles of an agent with admin { pprof = true }, of a test, and of a benchmark:
//
//	go tool pprof http://127.0.0.1:9600/debug/pprof/profile?seconds=10
//	go test ./buffer -run 'TestModel$' -cpuprofile /tmp/cpu -o /tmp/b.test
//	go tool pprof /tmp/cpu
//	go test ./outputs/drain -run '^$' -bench . -benchmem
//	make bench                                             # everything, beside building blocks
//	bin/bench -only 'tail to buffer' -lines 1000000        # some of it (cmd/bench/main.go)
//	go run ./cmd/fleet -agents 100,1000                    # what many agents ask of real brokers
//
// # Glossary
//
//   - ack: the answer that makes a sender forget. Durable comes before the ack, everywhere.
//   - accumulator: records that are put together into a batch for one partition of Kafka
//     (outputs/kafka/records.go).
//   - backoff: the growing pause between two attempts (buffer/record/fault/backoff.go); it never
//     ends.
//   - batch: records that travel together, of one tag and one origin; read-only once appended.
//   - checkpoint: a position that is stored. An input's stands in the buffer, a consumer's in
//     Kafka.
//   - chunk: uncompressed rows of a cut that wait on disk until a member is made of them
//     (spool/cut.go); of the forward protocol, the events that one ack answers for.
//   - copy candidate: a file that may be the copy of a log that is about to be truncated
//     (inputs/tail/rotate.go); not read before that is decided.
//   - cursor: an output's place in a buffer: a committed position and a note (buffer/cursor.go).
//   - cut: the range of positions [C, E) that goes into one set of objects of an archive, or into
//     one object of the overflow.
//   - dead letter: what a destination refuses for good, with reason and origin; and where it is
//     kept.
//   - detached position: of content that no file is known to hold, as after a restart
//     (inputs/tail/detached.go).
//   - drain: one log being delivered by one output; also the stop in which outputs deliver what is
//     left.
//   - epoch: a number that grows when a producer begins anew, so that brokers refuse what is older.
//   - fencing: whoever has lost a log, a lease or an epoch gets an error for a commit, never a
//     success.
//   - fingerprint: a checksum of first or last bytes, by which the tail knows content again; of a
//     configuration or a log, what must be the same for work begun under it to be finished.
//   - flight: one run of an in-flight window over a log or an object, until it ends or is given up.
//   - generation: the content of a file between two truncations or rotations; of a group, its
//     membership.
//   - grace period: how long answers are waited for of what is given up
//     (outputs/deliver/graceperiod.go).
//   - group commit: several appends written and synced together (buffer/commit.go).
//   - health: for how long a destination has taken nothing though it was given something.
//   - in-flight window: the batches that were read and are not acknowledged; bounded by number and
//     bytes.
//   - intent: the note that names an object or a cut before it is stored, so that it can be made
//     again.
//   - lane: a queue within a flight. Batches of one origin take the same one, so that they keep
//     order.
//   - lease: the right to replay objects, for a minute, renewed; or a partition while it is a
//     member's.
//   - life: of a log, from when it was made until it is deleted; positions of another life mean
//     nothing.
//   - log: batches in order, with one committed position and note: a buffer's cursor or a
//     partition.
//   - member: a part of an object that is compressed by itself, as in gzip (spool/member.go).
//   - mark: eight digits in the names of overflow objects that tell which log, in which life, they
//     are of.
//   - note: the short text committed with a position, in one of two formats: that of the
//     overflow (outputs/overflow/note.go: intent, doubts, what was replayed) and that of archives
//     (spool/protocol/note.go: intent, watermark, life).
//   - offset: a position in a file (bytes) or in a Kafka partition (records).
//   - origin: what a record's order is kept within: a file with its rotations, a connection, a
//     sender.
//   - orphaned cursor: one that no output of the configuration reads; it holds segments until it is
//     forgotten.
//   - overflow: the part of a log that was moved to an object store while the destination was down.
//   - owner, reader: of an input that several pipelines name, the one that reads it, and those that
//     follow the owner's buffer (agent/feed.go).
//   - position: a place in a log, counted in records from its beginning.
//   - retention: how long a broker keeps records; what is older is gone, and reported.
//   - rotation: a log file is renamed, copied and truncated, or compressed, and a new one begun.
//   - route: which outputs of a pipeline get the records of a tag.
//   - segment: a part of the buffer's chain: a small Badger database in a directory of its own.
//   - spill: from memory to disk, in the buffer's spill mode; records in memory can be read again.
//   - spool: the local working files of a cut, until its objects are stored.
//   - straggler: a write that was given up, and may still take effect (outputs/drain/drain.go).
//   - tag: where a record came from, as a name with dots; decides routes and topics.
//   - watermark: the event time up to which an archive's partitions are complete.
package main
