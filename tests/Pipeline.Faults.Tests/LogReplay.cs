using System.Text.Json;

namespace Pipeline.Faults.Tests;

/// <summary>
/// A Delta log read from its JSON alone, by the protocol and not by the product's code: the oracle must not share the
/// product's mistakes.
/// </summary>
internal sealed class LogReplay
{
    private readonly string _table;
    private readonly HashSet<string> _files = new(StringComparer.Ordinal);
    private readonly List<(int Version, string File)> _added = [];
    private readonly Dictionary<string, long> _positions = new(StringComparer.Ordinal);

    private LogReplay(string table) => _table = table;

    public int Versions { get; private set; }

    /// <summary>The number of the table's last run; 0: it has had none.</summary>
    public long Run { get; private set; }

    /// <summary>Absolute paths of the data files of the newest version.</summary>
    public IReadOnlyCollection<string> Files => _files;

    /// <summary>Absolute paths of the data files that brought new rows, with the version that did; later ones may have replaced them.</summary>
    public IReadOnlyList<(int Version, string File)> Added => _added;

    /// <summary>The position of each split; it never went back on the way.</summary>
    public IReadOnlyDictionary<string, long> Positions => _positions;

    /// <summary>The newest version of another table that this one reflects, of whichever table had that name: its position is of <c>TABLE#ID</c>; -1 when none is.</summary>
    public long Reflected(string table) =>
        _positions.Where(pair => pair.Key.StartsWith(table + "#", StringComparison.Ordinal)).Select(pair => pair.Value).DefaultIfEmpty(-1).Max();

    private string Log => Path.Combine(_table, "_delta_log");

    /// <summary>An absent table is an empty one.</summary>
    /// <exception cref="InvalidDataException">A position went back, or a file was added twice.</exception>
    public static LogReplay Of(string table)
    {
        var replay = new LogReplay(table);
        replay.Advance();
        return replay;
    }

    /// <summary>Reads the versions that have come since.</summary>
    /// <exception cref="InvalidDataException">A position went back, or a file was added twice.</exception>
    public void Advance()
    {
        for (; VersionPath(Versions) is var path && File.Exists(path); Versions++)
            foreach (var line in File.ReadLines(path)) Apply(line);
    }

    /// <summary>To be asked when nobody writes any more.</summary>
    /// <exception cref="InvalidDataException">A version is missing before another, or a live file is not on disk.</exception>
    public void CheckFiles()
    {
        if (Directory.Exists(Log) && Directory.GetFiles(Log, "*.json").Count(path => char.IsAsciiDigit(Path.GetFileName(path)[0])) != Versions)
            throw new InvalidDataException($"{_table}: version {Versions} is missing before others.");
        foreach (var file in _files)
            if (!File.Exists(file)) throw new InvalidDataException($"{file} is part of the table and not on disk.");
    }

    private string VersionPath(int version) => Path.Combine(Log, $"{version:d20}.json");

    private void Apply(string line)
    {
        using var document = JsonDocument.Parse(line);
        var action = document.RootElement;
        if (action.TryGetProperty("add", out var add))
        {
            if (!_files.Add(PathOf(add))) throw new InvalidDataException($"{_table}: version {Versions} adds {PathOf(add)} again.");
            if (add.GetProperty("dataChange").GetBoolean()) _added.Add((Versions, PathOf(add)));
        }
        else if (action.TryGetProperty("remove", out var remove))
        {
            _files.Remove(PathOf(remove));
        }
        else if (action.TryGetProperty("txn", out var txn))
        {
            var (split, position) = (txn.GetProperty("appId").GetString()!, txn.GetProperty("version").GetInt64());
            if (split is "run") Run = position;
            // Counts of rows, and what is kept beside a split's position, are none themselves.
            if (!split.Contains('/', StringComparison.Ordinal) || split.StartsWith("pipeline.", StringComparison.Ordinal)) return;
            if (_positions.TryGetValue(split, out var known) && position < known)
                throw new InvalidDataException($"{_table}: version {Versions} moves {split} back from {known} to {position}.");
            _positions[split] = position;
        }
    }

    private string PathOf(JsonElement action) => Path.Combine(_table, Uri.UnescapeDataString(action.GetProperty("path").GetString()!));
}
