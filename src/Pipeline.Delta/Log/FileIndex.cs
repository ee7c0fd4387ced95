using System.Collections;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;

namespace Pipeline.Delta.Log;

/// <summary>
/// The live files of a snapshot by path: immutable, and small enough for millions. Most files lie in compact groups
/// shared between versions; what recent commits changed lies beside them until it is worth folding in.
/// </summary>
internal sealed class FileIndex : IReadOnlyDictionary<string, AddFile>
{
    /// <summary>Changes beside the groups; each costs about as much as a plain object of its text.</summary>
    private const int RecentMax = 4096;

    public static readonly FileIndex Empty = new(FileGroups.Empty, NoFiles, NoPaths);

    private static ImmutableDictionary<string, AddFile> NoFiles => ImmutableDictionary.Create<string, AddFile>(StringComparer.Ordinal);

    private static ImmutableHashSet<string> NoPaths => ImmutableHashSet.Create<string>(StringComparer.Ordinal);

    private readonly FileGroups _groups;
    private readonly ImmutableDictionary<string, AddFile> _recent;

    /// <summary>Paths in the groups that are removed or replaced.</summary>
    private readonly ImmutableHashSet<string> _hidden;

    private FileIndex(FileGroups groups, ImmutableDictionary<string, AddFile> recent, ImmutableHashSet<string> hidden)
    {
        _groups = groups;
        _recent = recent;
        _hidden = hidden;
    }

    public int Count => _groups.Count - _hidden.Count + _recent.Count;

    public IEnumerable<string> Keys => Values.Select(file => file.Path);

    public IEnumerable<AddFile> Values => _groups.Files().Where(file => !_hidden.Contains(file.Path)).Concat(_recent.Values);

    /// <summary>Rows of all files; null when a file has no statistics.</summary>
    public long? RowCount
    {
        get
        {
            var rows = _groups.RowCount;
            foreach (var path in _hidden) rows -= _groups.RowsOf(path);
            // One unknown makes a sum unknown, even if it is hidden; then only looking at each file tells.
            return rows is null && _hidden.Count > 0 ? Sum(Values) : rows + Sum(_recent.Values);
        }
    }

    /// <summary>Bytes of all files.</summary>
    public long Bytes => _groups.Bytes - _hidden.Sum(_groups.BytesOf) + _recent.Values.Sum(file => file.Size);

    public AddFile this[string key] => TryGetValue(key, out var file) ? file : throw new KeyNotFoundException($"The snapshot has no file {key}.");

    public bool ContainsKey(string key) => _recent.ContainsKey(key) || (!_hidden.Contains(key) && _groups.Contains(key));

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out AddFile value)
    {
        if (_recent.TryGetValue(key, out value)) return true;
        value = _hidden.Contains(key) ? null : _groups.Find(key);
        return value is not null;
    }

    public IEnumerator<KeyValuePair<string, AddFile>> GetEnumerator() =>
        Values.Select(file => KeyValuePair.Create(file.Path, file)).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private static long? Sum(IEnumerable<AddFile> files)
    {
        long? rows = 0;
        foreach (var file in files) rows += file.RowCount;
        return rows;
    }

    public Builder ToBuilder() => new(this);

    /// <summary>Applies the adds and removes of commits in order. Not thread-safe.</summary>
    internal sealed class Builder(FileIndex start)
    {
        private FileGroups _groups = start._groups;
        private ImmutableDictionary<string, AddFile>.Builder _recent = start._recent.ToBuilder();
        private ImmutableHashSet<string>.Builder _hidden = start._hidden.ToBuilder();

        public void Add(AddFile file)
        {
            if (_groups.Count > 0 && _groups.Contains(file.Path)) _hidden.Add(file.Path);
            _recent[file.Path] = file;
            FoldWhenLarge();
        }

        /// <summary>Adds files that are known to be new and distinct: a checkpoint's.</summary>
        public void AddCheckpointed(IReadOnlyList<AddFile> files) => _groups = _groups.With(files);

        /// <summary>False when there is no such file.</summary>
        public bool Remove(string path)
        {
            var wasRecent = _recent.Remove(path);
            var wasGrouped = _groups.Contains(path) && _hidden.Add(path);
            FoldWhenLarge();
            return wasRecent || wasGrouped;
        }

        public FileIndex Build() => new(_groups, _recent.ToImmutable(), _hidden.ToImmutable());

        private void FoldWhenLarge()
        {
            if (_recent.Count + _hidden.Count < RecentMax) return;
            _groups = _groups.Without(_hidden).With([.. _recent.Values]);
            _recent = NoFiles.ToBuilder();
            _hidden = NoPaths.ToBuilder();
        }
    }
}
