using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Streams;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>Reads records in random portions and rolls them: one roll waits for its commit before the next is handed over, others are closed behind it.</summary>
internal sealed class SimulatedGraph
{
    private readonly Simulation _simulation;
    private readonly SimulatedWorker _worker;
    private readonly long _epoch;
    private readonly ImmutableArray<SplitStart> _starts;
    private readonly Dictionary<SplitId, long> _next;
    private readonly SimulatedRoll _deadLetters;
    private readonly Dictionary<TableId, SimulatedRoll> _tables = [];
    private readonly HashSet<(SplitId Split, long Position)> _held;
    private readonly Queue<Roll> _closed = [];
    private readonly int _depth;
    private readonly int _decoding;
    private readonly string? _identity;
    private bool _isWaiting;
    private bool _isDraining;
    private bool _hasEnded;

    /// <param name="remembered">Told how far each split has been read.</param>
    public SimulatedGraph(Simulation simulation, SimulatedWorker worker, long epoch, ImmutableArray<SplitStart> starts, Dictionary<SplitId, long> remembered)
    {
        _simulation = simulation;
        _worker = worker;
        _epoch = epoch;
        _starts = starts;
        _next = remembered;
        _depth = simulation.Random.Next(1, 4);
        _decoding = simulation.Decoding;
        _identity = starts[0].Split.Identity;
        _deadLetters = new SimulatedRoll(simulation.TableOf(Simulation.DeadLetters), simulation.SchemaChanges, isSparse: true);
        foreach (var start in starts)
        {
            _next[start.Split.Id] = start.From ?? 0;
            foreach (var (table, position) in start.Tables) RollOf(table).Positions.Start(start.Split.Id, position, start.From, start.EpochOf(table));
        }

        // The letters of readings that got no further.
        var splits = starts.ToDictionary(start => start.Split.Id, start => start.From ?? 0);
        _held = [.. simulation.RowsOf(Simulation.DeadLetters).Where(row => splits.TryGetValue(row.Split, out var from) && row.Position >= from && simulation.IdentityOf(row.History) == _identity).Select(row => (row.Split, row.Position))];
        ScheduleStep();
    }

    /// <summary>Of the source that is read.</summary>
    public string? Identity => _identity;

    public void Drain() => _isDraining = true;

    public void Abort() => End(fault: null);

    public void Release()
    {
        _isWaiting = false;
        HandOver();
    }

    private void ScheduleStep() => _simulation.Time.After(TimeSpan.FromMilliseconds(_simulation.Random.Next(5, 300)), Step);

    private void Step()
    {
        if (_hasEnded) return;
        if (_simulation.Happens(0.02)) End(new Fault(FaultKind.Unreachable, "Source", "went away", "Wait."));
        else if (!_isDraining && _closed.Count < _depth - 1 + (_isWaiting ? 0 : 1)) Roll();
        else if (_isDraining && !_isWaiting && _closed.Count == 0) End(fault: null);
        ScheduleStep();
    }

    private void End(Fault? fault)
    {
        if (_hasEnded) return;
        _hasEnded = true;
        // What was never handed over is nobody's.
        _simulation.DeleteFiles(_closed.SelectMany(roll => roll.Stages).SelectMany(stage => stage.Files).Select(file => file.Path));
        _simulation.Soon(() => _worker.Apply(new WorkerEvent.GraphEnded(_epoch, fault)));
    }

    private void Roll()
    {
        foreach (var start in _starts)
        {
            if (FaultOf(_simulation.SplitOf(start.Split.Id)) is { } fault)
            {
                End(fault);
                return;
            }

            Read(_simulation.SplitOf(start.Split.Id), start);
        }

        // Tables without rows move their positions only now and then.
        var closing = RollOrder.ToClose(_deadLetters, _tables.OrderBy(pair => pair.Key.ToString(), StringComparer.Ordinal).Select(pair => pair.Value),
            withIdle: _simulation.Random.NextDouble() < 0.2);
        if (_simulation.Mutation == Mutation.DeadLettersLast) closing = closing.Reverse();
        var stages = closing.Select(Stage).ToImmutableArray();
        if (stages.IsEmpty) return;

        if (_simulation.Mutation == Mutation.AcknowledgeBeforeCommit)
            foreach (var start in _starts) _simulation.Acknowledge(start.Split.Id, _next[start.Split.Id], _identity);
        _closed.Enqueue(new Roll(stages));
        if (_isWaiting) _simulation.Count(Kind.DeepPipeline);
        HandOver();
    }

    private void HandOver()
    {
        if (_hasEnded || _isWaiting || !_closed.TryDequeue(out var roll)) return;
        _isWaiting = true;
        _simulation.Soon(() => _worker.Apply(new WorkerEvent.RollClosed(_epoch, roll)));
    }

    private Fault? FaultOf(SimulatedSplit split)
    {
        // A source does not hand out records of one history as those of another.
        if (_simulation.Identity != _identity) return new Fault(FaultKind.Unreachable, $"Split {split.Id}", "was made anew", "Wait.");
        if (_simulation.Time.Now < split.BrokenUntil) return new Fault(FaultKind.NotAuthorised, $"Split {split.Id}", "may not be read", "Grant it.", split.Id);
        return _next[split.Id] < split.Expired ? new Fault(FaultKind.Gap, $"Split {split.Id}", "has lost records", "Accept the gap.", split.Id) : null;
    }

    private void Read(SimulatedSplit split, SplitStart start)
    {
        var from = _next[split.Id];
        var to = Math.Min(split.Written(_simulation.Time.Now), from + split.Group * _simulation.Random.Next(0, 5));
        if (to <= from) return;

        var lettersBelow = _deadLetters.Positions.SkipBelow(split.Id);
        for (var position = Math.Max(from, split.Acknowledged); position < to; position++)
        {
            var table = RollOf(TableId.Bronze(split.Id.Source, split.TableOf(position)));
            var isDead = SimulatedSplit.IsDead(position, _decoding);
            if (!Enters(position, table.Positions.SkipBelow(split.Id), lettersBelow, isDead, _held.Contains((split.Id, position)))) continue;
            var roll = isDead ? _deadLetters : table;
            roll.Written.Add(new SimulatedRow(roll.Table, split.Id, position, _simulation.History));
            roll.Positions.Wrote(split.Id);
        }

        _next[split.Id] = to;
        foreach (var table in start.Tables.Keys) RollOf(table).Positions.Advance(split.Id, to);
    }

    private bool Enters(long position, long? skipBelow, long? lettersBelow, bool isDead, bool isHeld) => _simulation.Mutation == Mutation.LettersSkippedApart
        ? RollPositions.Lacks(position, isDead ? lettersBelow : skipBelow)
        : RollPositions.Enters(position, skipBelow, lettersBelow, isHeld);

    private StageFiles Stage(SimulatedRoll roll)
    {
        ImmutableArray<StagedFile> files = roll.Written.Count == 0
            ? []
            : [new StagedFile(_simulation.WriteFile([.. roll.Written]), ImmutableDictionary<string, string?>.Empty, 100, DateTimeOffset.UnixEpoch, Stats: null)];
        var stage = new StageFiles(roll.Table, _simulation.NextGuid(), roll.Positions.Close(), files, roll.Rows, NewestEventAt: null, roll.Schema);
        roll.Written.Clear();
        return stage;
    }

    private SimulatedRoll RollOf(TableId table)
    {
        if (table == _deadLetters.Table) return _deadLetters;
        if (!_tables.TryGetValue(table, out var roll)) _tables.Add(table, roll = new SimulatedRoll(_simulation.TableOf(table), _simulation.SchemaChanges, isSparse: false));
        return roll;
    }

    /// <summary>What has been written for one table and not yet handed over: the product's positions, rows in place of files.</summary>
    private sealed class SimulatedRoll(SimulatedTable table, int schemaChanges, bool isSparse) : IRolledTable
    {
        public TableId Table => table.Id;

        /// <summary>As the table was found when reading began.</summary>
        public byte[]? Schema { get; } = table.Wanted(schemaChanges);

        public RollPositions Positions { get; } = new(isSparse);

        public List<SimulatedRow> Written { get; } = [];

        public long Rows => Written.Count;

        public bool HasProgress => Positions.HasProgress;
    }
}
