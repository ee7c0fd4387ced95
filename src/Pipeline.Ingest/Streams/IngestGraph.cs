using System.Collections.Immutable;
using Akka.Streams;
using Akka.Streams.Dsl;
using Pipeline.Core;
using Pipeline.Core.Buffers;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Streams;

/// <summary>What a graph reads and writes.</summary>
/// <param name="Tables">By their name in the source.</param>
/// <param name="CommitAsync">Completes when the roll is committed and acknowledged; it is called for one roll at a time, in order.</param>
internal sealed record GraphSetup(ISource Source, ImmutableArray<SplitStart> Starts, IReadOnlyDictionary<string, BronzeTable> Tables,
    Func<CancellationToken, ValueTask<BronzeTable>> OpenDeadLetters, IngestOptions Options, ByteBudget Budget, IngestMeter Meter,
    TimeProvider Time, Func<Roll, CancellationToken, Task> CommitAsync)
{
    /// <summary>Called once, from any thread, when everything that the splits held when reading began has been read; what is open is being closed then.</summary>
    public Action OnEnd { get; init; } = () => { };
}

/// <summary>The path of a worker's records from its splits to commits, running.</summary>
internal sealed class IngestGraph
{
    /// <summary>Where data files are written: this blocks.</summary>
    public const string WriterDispatcher = "pipeline.ingest.writer-dispatcher";

    private readonly CancellationTokenSource _abort;
    private readonly SharedKillSwitch _kill;
    private readonly Reading _reading;

    private IngestGraph(Reading reading, SharedKillSwitch kill, CancellationTokenSource abort, Task completion)
    {
        _reading = reading;
        _kill = kill;
        _abort = abort;
        Completion = completion;
    }

    /// <summary>
    /// Ends when everything is released: the source closed, files committed, handed over or deleted. Fails with what broke
    /// the graph; an abort is not a failure.
    /// </summary>
    public Task Completion { get; }

    public static IngestGraph Run(GraphSetup setup, IMaterializer materializer)
    {
        var files = new OpenFiles(setup.Options, setup.Time);
        var share = setup.Budget.OpenShare();
        var abort = new CancellationTokenSource();
        var numbered = setup.Source.Tables.Where(table => table.PositionsNameRecords).Select(table => table.Name).ToHashSet(StringComparer.Ordinal);
        var roller = new Roller(setup.Tables, name => numbered.Contains(name), setup.OpenDeadLetters, setup.Starts, files, share, setup.Options, setup.Meter, setup.Time);
        var from = setup.Starts.Select(start => new SplitPosition(start.Split.Id, start.From) { End = start.End, OrderTimeMax = start.OrderTimeMax, Marks = start.Marks, Tables = start.Places, TableMarks = start.TableMarks, Identity = start.Split.Identity }).ToList();

        var kill = KillSwitches.Shared("ingest");
        var commits = new CommitsInOrder(setup, files, abort.Token, kill.Abort);

        var ((reading, written), done) = Source.FromGraph(new ReadChunks(cancel => setup.Source.ReadAsync(from, cancel), share, cancel => LookBackAsync(setup.Source, from, cancel)))
            .Via(kill.Flow<Chunk>())
            .Async()
            .ViaMaterialized(OnWriters(Flow.FromGraph(new RollByBytesOrAge(roller, setup.Options, new ReadingEnd(setup.Source.LastLook, setup.Starts, setup.Time), setup.OnEnd))), Keep.Both)
            .Via(OnWriters(Flow.Create<ClosingRoll>().SelectAsync(setup.Options.PipelineDepth, commits.CompleteAndCommit)))
            .ToMaterialized(Sink.Ignore<bool>(), Keep.Both)
            .WithAttributes(Attributes.CreateInputBuffer(1, 1))
            .Run(materializer);

        return new IngestGraph(reading, kill, abort, EndAsync(setup, done, reading, written, commits, files, share, abort));
    }

    /// <summary>Reads no further; what is open is closed and committed, then the graph ends.</summary>
    public void Drain() => _reading.Stop();

    /// <summary>Drops everything that is not handed over.</summary>
    public void Abort()
    {
        _abort.Cancel();
        _kill.Abort(new OperationCanceledException("The graph was aborted."));
    }

    private static Flow<TIn, TOut, TMat> OnWriters<TIn, TOut, TMat>(Flow<TIn, TOut, TMat> flow) =>
        flow.WithAttributes(ActorAttributes.CreateDispatcher(WriterDispatcher).And(Attributes.CreateInputBuffer(1, 1))).Async();

    /// <summary>Nothing is read of a source that is not where it was left.</summary>
    private static async ValueTask LookBackAsync(ISource source, IReadOnlyList<SplitPosition> from, CancellationToken cancellationToken)
    {
        foreach (var standing in await source.LookBackAsync(from, cancellationToken))
            if (standing.Fault is { } fault) throw fault;
    }

    private static async Task EndAsync(GraphSetup setup, Task done, Reading reading, Task written, CommitsInOrder commits, OpenFiles files, ByteShare share,
        CancellationTokenSource abort)
    {
        await done.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var isAborted = abort.IsCancellationRequested;
        await abort.CancelAsync();
        share.Dispose();
        // Files are let go of only when nobody writes or completes them any more.
        await written;
        await commits.Last.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var left = await Background.FailureAsync(_ => files.DisposeAsync(), CancellationToken.None);
        // A source that does not close holds nobody up for ever: what it still brings, nobody takes.
        var unclosed = await Background.FailureAsync(async _ =>
        {
            if (await Task.WhenAny(reading.Closed, Task.Delay(setup.Options.DrainTimeout, setup.Time, CancellationToken.None)) != reading.Closed)
                throw new PipelineException(FaultKind.Unreachable, $"Source {setup.Source.Name}", $"it has not ended reading within {setup.Options.DrainTimeout.TotalSeconds:0} s of being told to",
                    "Nothing to do unless it lasts: then start the node again.");
            await reading.Closed;
        }, CancellationToken.None);

        // The stream wraps what broke it. Whoever aborted knows why.
        Background.ThrowIfAny(isAborted ? null : done.Exception?.GetBaseException(), unclosed, left);
    }

    /// <summary>
    /// Files are completed side by side, up to the pipeline's depth; rolls are committed one after the other. What fails is
    /// told to the graph, which ends as a whole: the stream itself would log it as a defect.
    /// </summary>
    private sealed class CommitsInOrder(GraphSetup setup, OpenFiles files, CancellationToken abort, Action<Exception> onFailure)
    {
        private Task<bool> _last = Task.FromResult(true);

        /// <summary>Ends when the newest roll is committed or given up.</summary>
        public Task Last => Volatile.Read(ref _last);

        /// <summary>False: given up.</summary>
        public Task<bool> CompleteAndCommit(ClosingRoll closing)
        {
            var commit = CompleteAndCommitAsync(closing, _last);
            Volatile.Write(ref _last, commit);
            return commit;
        }

        /// <summary>Beside each other: everything in the roll has been read by now.</summary>
        private async ValueTask<Roll> CompleteAndConfirmAsync(ClosingRoll closing, CancellationToken cancellationToken)
        {
            var ranges = closing.Tables.SelectMany(table => table.Ranges).Select(range => range.Split).ToHashSet();
            Split[] read = [.. setup.Starts.Select(start => start.Split).Where(split => ranges.Contains(split.Id))];
            var confirming = read.Length == 0 ? Task.CompletedTask : setup.Source.ConfirmAsync(read, cancellationToken).AsTask();
            var completing = closing.CompleteAsync(files, cancellationToken);
            await Task.WhenAll(confirming, completing);
            return await completing;
        }

        private async Task<bool> CompleteAndCommitAsync(ClosingRoll closing, Task<bool> turn)
        {
            var completed = await Background.RunAsync(cancel => CompleteAndConfirmAsync(closing, cancel), abort);
            if (completed is Outcome<Roll>.Failed incomplete) onFailure(incomplete.Cause);

            // Whoever waits for the last waits for all; a roll behind one that was given up is given up too.
            var isBeforeCommitted = await turn;
            if (completed is not Outcome<Roll>.Done { Value: var roll } || !isBeforeCommitted || abort.IsCancellationRequested) return false;
            files.HandOver(roll.Stages.SelectMany(stage => stage.Files));
            var uncommitted = await Background.FailureAsync(async cancel => await setup.CommitAsync(roll, cancel), abort);
            if (uncommitted is not null) onFailure(uncommitted);
            return uncommitted is null && !abort.IsCancellationRequested;
        }
    }
}
