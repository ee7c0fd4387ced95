using System.Collections.Immutable;
using System.Globalization;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Ingest.Committer;
using Pipeline.Ingest.Worker;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>
/// Workers and committers of two tables and a dead-letter table in virtual time: the real decisions, with messages that
/// are delayed, lost, repeated and overtaken, commits whose answer is lost or that come late, files that are compacted away, operators
/// and maintenance beside them, processes that die, and processes that were replaced but go on. One seed, one history. What must hold
/// is judged by what the source has and what the lake's files hold, and by nothing that the product says.
/// </summary>
internal sealed class Simulation
{
    public static readonly TableId DeadLetters = TableId.DeadLetter("sim");

    private static readonly TimeSpan ChaosEnds = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan GivesUp = TimeSpan.FromMinutes(30);

    /// <summary>Processes that believe to be the same at most.</summary>
    private const int IncarnationsMax = 3;

    private readonly TextWriter? _trace;
    private readonly Dictionary<SplitId, SimulatedSplit> _splits;
    private readonly Dictionary<TableId, SimulatedTable> _tables;
    private readonly Dictionary<string, List<SimulatedRow>> _files = new(StringComparer.Ordinal);
    private readonly HashSet<string> _deleted = new(StringComparer.Ordinal);
    private readonly Dictionary<TableId, List<SimulatedCommitter>> _committers = [];
    private readonly List<(ImmutableArray<SimulatedSplit> Splits, List<SimulatedWorker> Incarnations)> _workers = [];
    private readonly Dictionary<string, TimeSpan> _writtenAt = new(StringComparer.Ordinal);
    private readonly HashSet<SplitId> _found = [];
    private readonly HashSet<List<SimulatedWorker>> _replaced = [];
    private readonly int[] _kinds = new int[Enum.GetValues<Kind>().Length];
    private readonly SimulatedOperator _operator;
    private long _fileNumber;
    private int _names;

    private Simulation(int seed, Mutation mutation, TextWriter? trace)
    {
        _trace = trace;
        Mutation = mutation;
        Random = new Random(seed);
        IsDecodingChanged = seed % 2 == 0;
        _operator = new SimulatedOperator(this);
        SimulatedSplit[] splits =
        [
            new(new Split(new SplitId("sim", "orders/0"), ["orders"]), records: 150, group: 1),
            new(new Split(new SplitId("sim", "orders/1"), ["orders"]), records: 90, group: 1),
            new(new Split(new SplitId("sim", "slot"), ["lines", "orders"]), records: 120, group: 3),
            new(new Split(new SplitId("sim", "orders/2"), ["orders"]), records: 60, group: 1, TimeSpan.FromMilliseconds(Random.Next(2_000, 50_000))),
        ];
        _splits = splits.ToDictionary(split => split.Id);
        _tables = new[] { TableId.Bronze("sim", "orders"), TableId.Bronze("sim", "lines"), DeadLetters }
            .ToDictionary(id => id, id => new SimulatedTable(id, mutation != Mutation.NoCompareAndSet));
        foreach (var table in _tables.Values)
        {
            _committers.Add(table.Id, [new SimulatedCommitter(this, table)]);
        }

        foreach (ImmutableArray<SimulatedSplit> share in new ImmutableArray<SimulatedSplit>[] { [splits[0], splits[1], splits[3]], [splits[2]] })
            _workers.Add((share, [new SimulatedWorker(this, share)]));
    }

    public VirtualTime Time { get; } = new();

    public Random Random { get; }

    public Mutation Mutation { get; }

    /// <summary>
    /// Whether records are decoded otherwise from time to time. Then nothing of a reading that was given up arrives any more: of two that
    /// live at once and decode differently one may commit a row and the other its letter, which verification finds.
    /// </summary>
    public bool IsDecodingChanged { get; }

    /// <summary>How records are decoded now.</summary>
    public int Decoding { get; private set; }

    /// <summary>How operators decode letters.</summary>
    public int OperatorsDecoding => Decoding + (IsDecodingChanged ? 0 : 1);

    /// <summary>How often the source's tables have gained a column.</summary>
    public int SchemaChanges { get; private set; }

    /// <summary>Files that were removed by maintenance.</summary>
    public HashSet<string> Vacuumed { get; } = new(StringComparer.Ordinal);

    private bool IsChaos => Time.Now < ChaosEnds;

    private IReadOnlyList<SimulatedTable> Tables => [.. _tables.Values.OrderBy(table => table.Id.ToString(), StringComparer.Ordinal)];

    /// <summary>Runs one history to its end; null when all held, otherwise what did not.</summary>
    /// <param name="trace">Gets a line for everything that is decided.</param>
    public static string? Run(int seed, Mutation mutation = Mutation.None, TextWriter? trace = null) => Run(seed, out _, mutation, trace);

    /// <param name="kinds">How often each kind of thing has happened.</param>
    public static string? Run(int seed, out IReadOnlyList<int> kinds, Mutation mutation = Mutation.None, TextWriter? trace = null)
    {
        var simulation = new Simulation(seed, mutation, trace);
        simulation.ScheduleChaos();
        simulation.Schedule(5_000, () => simulation._operator.Compact(simulation.Pick(simulation.Tables)));
        simulation.Schedule(8_000, () => simulation._operator.Redrive(simulation.Pick([.. simulation.Tables.Where(table => table.Id != DeadLetters)])));
        simulation.Schedule(8_000, () =>
        {
            if (!simulation.IsDecodingChanged) return;
            simulation.Decoding++;
            simulation.Count(Kind.DecodingChange);
        });
        simulation.Schedule(12_000, () =>
        {
            if (simulation.Pick(simulation.Tables).CleanUp(kept: simulation.Random.Next(1, 8))) simulation.Count(Kind.LogCleanUp);
        });
        simulation.Schedule(30_000, () => simulation.SchemaChanges++);
        simulation.Schedule(25_000, simulation.Break);
        simulation.Schedule(30_000, simulation.Expire);
        simulation.Schedule(60_000, simulation.Renew);
        simulation.Schedule(10_000, () => simulation._operator.Vacuum(simulation.Tables));
        simulation.AcceptGaps();
        while (!(simulation.Time.Now > ChaosEnds && simulation.IsComplete()) && simulation.Time.Step(GivesUp))
        {
        }

        kinds = simulation._kinds;
        return simulation.Judge() is { } broken ? $"Seed {seed}: {broken}" : null;
    }

    public void Trace(FormattableString line) => _trace?.WriteLine($"{Time.Now:mm\\:ss\\.fff} {line.ToString(CultureInfo.InvariantCulture)}");

    public SimulatedSplit SplitOf(SplitId id) => _splits[id];

    public SimulatedTable TableOf(TableId id) => _tables[id];

    public void Count(Kind kind)
    {
        _kinds[(int)kind]++;
        Trace($"{kind}");
    }

    /// <summary>The rows of a table as it is now.</summary>
    public IReadOnlyList<SimulatedRow> RowsOf(TableId table) => [.. _tables[table].Current.FilesByPath.Keys.Order(StringComparer.Ordinal).SelectMany(path => _files[path])];

    public IReadOnlyList<SimulatedRow> RowsOf(string path) => _files[path];

    public bool Exists(string path) => !_deleted.Contains(path) && !Vacuumed.Contains(path);

    public TimeSpan AgeOf(string path) => Time.Now - _writtenAt[path];

    public IEnumerable<string> FilesBefore(TimeSpan moment) => _writtenAt.Where(pair => pair.Value < moment && Exists(pair.Key)).Select(pair => pair.Key);

    /// <summary>How often the source was made anew.</summary>
    public int History { get; private set; }

    public string Identity => IdentityOf(History);

    public string IdentityOf(int history) => string.Create(CultureInfo.InvariantCulture, $"server {history}");

    /// <summary>Whether a table counts a split in the history that the source has now.</summary>
    public bool IsOfNow(Snapshot snapshot, SplitId split) => snapshot.Histories.Find(split)?.Identity == Identity;

    /// <summary>Lists the splits of a worker, and has the tables know whose they are and in which epoch they are read.</summary>
    public WorkerEvent Locate(long epoch, ImmutableArray<SimulatedSplit> splits)
    {
        var mine = Find(splits);
        ImmutableArray<SimulatedTable> tables = [.. mine.SelectMany(split => split.Tables).Distinct(StringComparer.Ordinal).Select(name => _tables[TableId.Bronze("sim", name)])];
        foreach (var table in tables) Learn(table, Beginnings.ToRecord(table.Current, "sim", Find([.. Splits.Where(split => split.Split.Tables.Contains(table.Id.Name, StringComparer.Ordinal))])));
        var letters = _tables[DeadLetters];
        foreach (var group in mine.GroupBy(split => split.Tables[0], StringComparer.Ordinal))
            Learn(letters, Beginnings.ToFollow(letters.Current, _tables[TableId.Bronze("sim", group.Key)].Current.Histories, [.. group]));
        return new WorkerEvent.Located(epoch, mine) { Logged = tables.Append(letters).ToImmutableDictionary(table => table.Id, table => LoggedEpochs.Of(table.Current, mine)) };
    }

    private void Learn(SimulatedTable table, Transaction? transaction)
    {
        if (transaction is null) return;
        Assert.IsType<CommitResult.Committed>(table.Commit(transaction, table.Current, Time.Now));
        if (History > 0 && !table.Id.Equals(DeadLetters)) Count(Kind.NewEpoch);
    }

    /// <summary>Those splits that are there.</summary>
    private ImmutableArray<Split> Find(ImmutableArray<SimulatedSplit> splits)
    {
        ImmutableArray<SimulatedSplit> there = [.. splits.Where(split => split.AppearsAt <= Time.Now)];
        foreach (var split in there)
            if (_found.Add(split.Id) && split.AppearsAt > TimeSpan.Zero) Count(Kind.NewSplit);
        return [.. there.Select(split => split.Split with { Identity = Identity })];
    }

    public bool Happens(double probability) => IsChaos && Random.NextDouble() < probability;

    /// <summary>A step inside a process or to storage: usually short, now and then long.</summary>
    public void Soon(Action action) => Time.After(TimeSpan.FromMilliseconds(Happens(0.03) ? Random.Next(1_000, 12_000) : Random.Next(0, 40)), action);

    /// <summary>A message between processes: may be lost, repeated and overtaken.</summary>
    public void Send(Action deliver)
    {
        if (Happens(0.05)) return;
        Soon(deliver);
        if (Happens(0.05)) Soon(deliver);
    }

    /// <summary>While two incarnations live, either gets the message.</summary>
    public void ToCommitter(IBronzeCommand message, IActorRef sender) => Send(() =>
    {
        if (IsDecodingChanged && !((SimulatedRef)sender).Worker.Waits(message)) return;
        var incarnations = _committers[message.Table];
        incarnations[Random.Next(incarnations.Count)].Receive(message, sender);
    });

    public int NextName() => _names++;

    /// <summary>What was read of a source before says nothing of this one.</summary>
    public void Acknowledge(SplitId split, long position, string? identity)
    {
        if (identity == Identity) _splits[split].Acknowledged = Math.Max(_splits[split].Acknowledged, position);
    }

    public string WriteFile(List<SimulatedRow> rows)
    {
        var path = $"file-{_fileNumber++}";
        _files.Add(path, rows);
        _writtenAt.Add(path, Time.Now);
        return path;
    }

    public void DeleteFiles(IEnumerable<string> paths) => _deleted.UnionWith(paths);

    public Guid NextGuid()
    {
        Span<byte> bytes = stackalloc byte[16];
        Random.NextBytes(bytes);
        return new Guid(bytes);
    }

    private void ScheduleChaos() => Time.After(TimeSpan.FromMilliseconds(Random.Next(100, 3_000)), () =>
    {
        if (!IsChaos) return;
        switch (Random.Next(5))
        {
            case 0:
                ReplaceWorker(isZombie: false);
                break;
            case 1:
                ReplaceWorker(isZombie: !IsDecodingChanged);
                break;
            case 2:
                ReplaceCommitter(isZombie: false);
                break;
            case 3:
                ReplaceCommitter(isZombie: !IsDecodingChanged);
                break;
            default:
                var worker = Pick(_workers).Incarnations[^1];
                worker.Drain();
                Time.After(TimeSpan.FromMilliseconds(Random.Next(0, 8_000)), worker.Resume);
                break;
        }

        ScheduleChaos();
    });

    /// <summary>Does something again and again while there is chaos.</summary>
    private void Schedule(int millisecondsMax, Action act) => Time.After(TimeSpan.FromMilliseconds(Random.Next(100, millisecondsMax)), () =>
    {
        if (!IsChaos) return;
        act();
        Schedule(millisecondsMax, act);
    });

    /// <summary>A split cannot be read for some seconds, which nobody waits for who could act.</summary>
    private void Break()
    {
        Pick(Splits).BrokenUntil = Time.Now + TimeSpan.FromMilliseconds(Random.Next(500, 15_000));
        Count(Kind.PermanentFault);
    }

    /// <summary>The source is another one of the same name: a database on another server, topics that were deleted and made.</summary>
    private void Renew()
    {
        History++;
        foreach (var split in Splits) split.Renew(Time.Now);
        Trace($"the source is {Identity}");
    }

    /// <summary>A source lets go of records that were not read.</summary>
    private void Expire()
    {
        var split = Pick([.. Splits.Where(split => split.Group == 1)]);
        var orders = _tables[TableId.Bronze("sim", "orders")].Current;
        if (IsOfNow(orders, split.Id) && orders.Position(split.Id) is { } position)
            split.Expired = Math.Min(split.Records, Math.Max(split.Expired, position + Random.Next(1, 8)));
    }

    /// <summary>An operator, who is there after the chaos too.</summary>
    private void AcceptGaps() => Time.After(TimeSpan.FromMilliseconds(Random.Next(500, 6_000)), () =>
    {
        foreach (var split in Splits.Where(split => split.Group == 1)) _operator.AcceptGap(_tables[TableId.Bronze("sim", "orders")], split);
        if (Random.NextDouble() < 0.3)
            foreach (var (_, incarnations) in _workers) incarnations[^1].Resume();
        AcceptGaps();
    });

    private IReadOnlyList<SimulatedSplit> Splits => [.. _splits.Values.OrderBy(split => split.Id.ToString(), StringComparer.Ordinal)];

    /// <summary>The old one dies at once, or goes on for a while beside its replacement.</summary>
    private void ReplaceWorker(bool isZombie)
    {
        var (splits, incarnations) = Pick(_workers);
        if (incarnations.Count >= IncarnationsMax || (IsDecodingChanged && !_replaced.Add(incarnations))) return;
        var old = incarnations[^1];
        if (!isZombie) old.Die();
        Time.After(TimeSpan.FromMilliseconds(Random.Next(50, 3_000)), () =>
        {
            _replaced.Remove(incarnations);
            incarnations.Add(new SimulatedWorker(this, splits));
            if (isZombie && incarnations.Count >= IncarnationsMax) Count(Kind.ThirdIncarnation);
            if (!isZombie) incarnations.Remove(old);
            else
                Time.After(TimeSpan.FromMilliseconds(Random.Next(500, 15_000)), () =>
                {
                    old.Die();
                    incarnations.Remove(old);
                });
        });
    }

    private void ReplaceCommitter(bool isZombie)
    {
        var (name, incarnations) = Pick([.. _committers.OrderBy(pair => pair.Key.ToString(), StringComparer.Ordinal)]);
        if (incarnations.Count >= IncarnationsMax) return;
        var old = incarnations[^1];
        incarnations.Add(new SimulatedCommitter(this, _tables[name]));
        if (isZombie && incarnations.Count >= IncarnationsMax) Count(Kind.ThirdIncarnation);
        if (!isZombie)
        {
            old.Die();
            incarnations.Remove(old);
            return;
        }

        Time.After(TimeSpan.FromMilliseconds(Random.Next(500, 15_000)), () =>
        {
            old.Die();
            incarnations.Remove(old);
        });
    }

    private T Pick<T>(IReadOnlyList<T> list) => list[Random.Next(list.Count)];

    private bool IsComplete() => _splits.Values.All(split => split.Split.Tables.All(table =>
        _tables[TableId.Bronze("sim", table)].Current is var snapshot && IsOfNow(snapshot, split.Id) && snapshot.Position(split.Id) >= split.Records));

    /// <summary>Each record of the source is in the lake once, as a row or as a dead letter, unless an operator gave it up; a letter may be a marked row beside.</summary>
    private string? Judge()
    {
        if (!IsComplete())
        {
            foreach (var split in _splits.Values)
                foreach (var table in split.Split.Tables.Select(name => _tables[TableId.Bronze("sim", name)]))
                    Trace($"{split.Id} of {table.Id} at {table.Current.Position(split.Id)} of {split.Records}, {table.Current.Histories.Find(split.Id)?.Identity} of {Identity}");
            return $"not everything was committed after {Time.Now}";
        }

        var found = _tables.Values.SelectMany(table => RowsOf(table.Id)).ToLookup(row => (row.Split, row.Position, row.History));
        foreach (var table in _tables.Values)
        {
            foreach (var path in table.Current.FilesByPath.Keys)
                if (!Exists(path)) return $"file {path} of {table.Id} was removed though it is part of the table";
            if (table.Replaced.Keys.FirstOrDefault(_deleted.Contains) is { } replaced) return $"file {replaced} of {table.Id} was deleted though it was part of the table";
        }

        foreach (var split in _splits.Values)
            for (var history = 0; history <= History; history++)
                for (var position = 0L; position < split.Records; position++)
                {
                    var rows = found[(split.Id, position, history)].ToList();
                    var (letters, redriven) = (rows.Count(row => row.Table == DeadLetters), rows.Count(row => row.IsRedriven));
                    var once = rows.Count - redriven;
                    // What a source had that is gone may never have been read.
                    if (once != 1 && !(once == 0 && (history < History || split.GivenUp.Contains(position))))
                        return string.Create(CultureInfo.InvariantCulture, $"record {position} of {split.Id}, history {history} of {History}, is {once} times in the lake after {Time.Now}");
                    if (redriven > letters) return string.Create(CultureInfo.InvariantCulture, $"record {position} of {split.Id} was re-driven {redriven} times of {letters} letters");
                    if (rows.Exists(row => row.Table != DeadLetters && row.Table.Name != split.TableOf(position))) return string.Create(CultureInfo.InvariantCulture, $"record {position} of {split.Id} is in a table that is not its own");
                }

        return null;
    }
}
