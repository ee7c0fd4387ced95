using System.Text.Json;

namespace Pipeline.Faults.Tests;

/// <summary>
/// A Delta log read from its JSON alone, by the protocol and not by the product's code: the oracle must not share the
/// product's mistakes.
/// </summary>
internal sealed class LogReplay
{
    private readonly HashSet<string> _files = new(StringComparer.Ordinal);
    private readonly List<(int Version, string File)> _added = [];
    private readonly Dictionary<string, long> _positions = new(StringComparer.Ordinal);

    private LogReplay()
    {
    }

    public int Versions { get; private set; }

    /// <summary>Absolute paths of the data files of the newest version.</summary>
    public IReadOnlyCollection<string> Files => _files;

    /// <summary>Absolute paths of the data files that brought new rows, with the version that did; later ones may have replaced them.</summary>
    public IReadOnlyList<(int Version, string File)> Added => _added;

    /// <summary>The position of each split; it never went back on the way.</summary>
    public IReadOnlyDictionary<string, long> Positions => _positions;

    /// <summary>An absent table is an empty one.</summary>
    /// <exception cref="InvalidDataException">A version is missing, a position went back, or a live file is not on disk.</exception>
    public static LogReplay Of(string table)
    {
        var replay = new LogReplay();
        var log = Path.Combine(table, "_delta_log");
        if (!Directory.Exists(log)) return replay;

        foreach (var path in Directory.GetFiles(log, "*.json").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])).Order(StringComparer.Ordinal))
        {
            if (Path.GetFileName(path) != $"{replay.Versions:d20}.json")
                throw new InvalidDataException($"{table}: version {replay.Versions} is missing before {Path.GetFileName(path)}.");
            foreach (var line in File.ReadLines(path)) replay.Apply(table, line);
            replay.Versions++;
        }

        return replay;
    }

    public void CheckFiles()
    {
        foreach (var file in _files)
            if (!File.Exists(file)) throw new InvalidDataException($"{file} is part of the table and not on disk.");
    }

    private void Apply(string table, string line)
    {
        using var document = JsonDocument.Parse(line);
        var action = document.RootElement;
        if (action.TryGetProperty("add", out var add))
        {
            if (!_files.Add(PathOf(table, add))) throw new InvalidDataException($"{table}: version {Versions} adds {PathOf(table, add)} again.");
            if (add.GetProperty("dataChange").GetBoolean()) _added.Add((Versions, PathOf(table, add)));
        }
        else if (action.TryGetProperty("remove", out var remove))
        {
            _files.Remove(PathOf(table, remove));
        }
        else if (action.TryGetProperty("txn", out var txn))
        {
            var (split, position) = (txn.GetProperty("appId").GetString()!, txn.GetProperty("version").GetInt64());
            if (_positions.TryGetValue(split, out var known) && position < known)
                throw new InvalidDataException($"{table}: version {Versions} moves {split} back from {known} to {position}.");
            _positions[split] = position;
        }
    }

    private static string PathOf(string table, JsonElement action) => Path.Combine(table, Uri.UnescapeDataString(action.GetProperty("path").GetString()!));
}
