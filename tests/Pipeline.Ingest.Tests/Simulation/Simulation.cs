using System.Collections.Immutable;
using System.Globalization;
using Akka.Actor;
using Pipeline.Core;
using Pipeline.Ingest.Committer;

namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>
/// Workers and committers of two tables and a dead-letter table in virtual time: the real decisions, with messages that
/// are delayed, lost, repeated and overtaken, commits whose answer is lost, files that are compacted away, processes that die,
/// and processes that were replaced but go on. One seed, one history.
/// </summary>
internal sealed class Simulation
{
    public static readonly TableId DeadLetters = TableId.DeadLetter("sim");

    private static readonly TimeSpan ChaosEnds = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan GivesUp = TimeSpan.FromMinutes(10);

    private readonly TextWriter? _trace;
    private readonly Dictionary<SplitId, SimulatedSplit> _splits;
    private readonly Dictionary<TableId, SimulatedTable> _tables;
    private readonly Dictionary<string, List<SimulatedRow>> _files = new(StringComparer.Ordinal);
    private readonly HashSet<string> _deleted = new(StringComparer.Ordinal);
    private readonly Dictionary<TableId, List<SimulatedCommitter>> _committers = [];
    private readonly List<(ImmutableArray<SimulatedSplit> Splits, List<SimulatedWorker> Incarnations)> _workers = [];
    private long _fileNumber;
    private int _names;

    private Simulation(int seed, Mutation mutation, TextWriter? trace)
    {
        _trace = trace;
        Mutation = mutation;
        Random = new Random(seed);
        SimulatedSplit[] splits =
        [
            new(new Split(new SplitId("sim", "orders/0"), ["orders"]), records: 150, group: 1),
            new(new Split(new SplitId("sim", "orders/1"), ["orders"]), records: 90, group: 1),
            new(new Split(new SplitId("sim", "slot"), ["lines", "orders"]), records: 120, group: 3),
        ];
        _splits = splits.ToDictionary(split => split.Id);
        _tables = new[] { TableId.Bronze("sim", "orders"), TableId.Bronze("sim", "lines"), DeadLetters }
            .ToDictionary(id => id, id => new SimulatedTable(id, mutation != Mutation.NoCompareAndSet));
        foreach (var table in _tables.Values)
        {
            table.Create();
            _committers.Add(table.Id, [new SimulatedCommitter(this, table)]);
        }

        foreach (ImmutableArray<SimulatedSplit> share in new ImmutableArray<SimulatedSplit>[] { [splits[0], splits[1]], [splits[2]] })
            _workers.Add((share, [new SimulatedWorker(this, share)]));
    }

    public VirtualTime Time { get; } = new();

    public Random Random { get; }

    public Mutation Mutation { get; }

    private bool IsChaos => Time.Now < ChaosEnds;

    /// <summary>Runs one history to its end; null when all held, otherwise what did not.</summary>
    /// <param name="trace">Gets a line for everything that is decided.</param>
    public static string? Run(int seed, Mutation mutation = Mutation.None, TextWriter? trace = null)
    {
        var simulation = new Simulation(seed, mutation, trace);
        simulation.ScheduleChaos();
        simulation.ScheduleCompaction();
        while (!(simulation.Time.Now > ChaosEnds && simulation.IsComplete()) && simulation.Time.Step(GivesUp))
        {
        }

        return simulation.Judge() is { } broken ? $"Seed {seed}: {broken}" : null;
    }

    public void Trace(FormattableString line) => _trace?.WriteLine($"{Time.Now:mm\\:ss\\.fff} {line.ToString(CultureInfo.InvariantCulture)}");

    public SimulatedSplit SplitOf(SplitId id) => _splits[id];

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
        var incarnations = _committers[message.Table];
        incarnations[Random.Next(incarnations.Count)].Receive(message, sender);
    });

    public int NextName() => _names++;

    public void Acknowledge(SplitId split, long position) => _splits[split].Acknowledged = Math.Max(_splits[split].Acknowledged, position);

    public string WriteFile(List<SimulatedRow> rows)
    {
        var path = $"file-{_fileNumber++}";
        _files.Add(path, rows);
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
                ReplaceWorker(isZombie: true);
                break;
            case 2:
                ReplaceCommitter(isZombie: false);
                break;
            case 3:
                ReplaceCommitter(isZombie: true);
                break;
            default:
                var worker = Pick(_workers).Incarnations[^1];
                worker.Drain();
                Time.After(TimeSpan.FromMilliseconds(Random.Next(0, 8_000)), worker.Resume);
                break;
        }

        ScheduleChaos();
    });

    private void ScheduleCompaction() => Time.After(TimeSpan.FromMilliseconds(Random.Next(100, 5_000)), () =>
    {
        if (!IsChaos) return;
        var table = Pick([.. _tables.Values.OrderBy(table => table.Id.ToString(), StringComparer.Ordinal)]);
        Trace($"compacts {table.Id}");
        table.Compact(paths => WriteFile([.. paths.SelectMany(path => _files[path])]));
        ScheduleCompaction();
    });

    /// <summary>The old one dies at once, or goes on for a while beside its replacement.</summary>
    private void ReplaceWorker(bool isZombie)
    {
        var (splits, incarnations) = Pick(_workers);
        if (incarnations.Count > 1) return;
        var old = incarnations[0];
        if (!isZombie) old.Die();
        Time.After(TimeSpan.FromMilliseconds(Random.Next(50, 3_000)), () =>
        {
            incarnations.Add(new SimulatedWorker(this, splits));
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
        if (incarnations.Count > 1) return;
        var old = incarnations[0];
        incarnations.Add(new SimulatedCommitter(this, _tables[name]));
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
        _tables[TableId.Bronze("sim", table)].View.Position(split.Id) >= split.Records));

    private string? Judge()
    {
        if (!IsComplete()) return $"not everything was committed after {Time.Now}";
        var counts = _splits.Values.SelectMany(split => Enumerable.Range(0, split.Records).Select(i => (Split: split.Id, Position: (long)i)))
            .ToDictionary(record => record, _ => 0);
        foreach (var table in _tables.Values)
        {
            if (table.Files.Union(table.Replaced).FirstOrDefault(_deleted.Contains) is { } path)
                return $"file {path} of {table.Id} was deleted though it {(table.Files.Contains(path) ? "is" : "was")} part of the table";
            foreach (var row in table.Files.SelectMany(file => _files[file])) counts[(row.Split, row.Position)]++;
        }

        foreach (var ((split, position), count) in counts)
            if (count != 1) return string.Create(CultureInfo.InvariantCulture, $"record {position} of {split} is {count} times in the lake after {Time.Now}");
        return null;
    }
}
