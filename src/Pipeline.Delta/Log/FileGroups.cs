using System.Collections.Immutable;
using System.Text;

namespace Pipeline.Delta.Log;

/// <summary>
/// Groups of files with a hash table over their paths. Immutable: groups are shared, the table and the marks of removed
/// files are copied (about nine bytes a file).
/// </summary>
internal sealed class FileGroups
{
    private const int EmptySlot = -1;

    public static readonly FileGroups Empty = new([], [], [EmptySlot, EmptySlot], 0, 0);

    private readonly ImmutableArray<FileGroup> _groups;

    /// <summary>One bit a file, <see cref="FileGroup.Capacity"/> a group.</summary>
    private readonly ulong[] _removed;

    /// <summary>Open addressing; a slot holds group and place in it. Its length is a power of two.</summary>
    private readonly int[] _slots;
    private readonly int _used;

    private FileGroups(ImmutableArray<FileGroup> groups, ulong[] removed, int[] slots, int used, int count)
    {
        _groups = groups;
        _removed = removed;
        _slots = slots;
        _used = used;
        Count = count;
    }

    public int Count { get; }

    public bool Contains(string path) => Place(path) >= 0;

    public AddFile? Find(string path)
    {
        var place = Place(path);
        if (place < 0) return null;
        var group = _groups[place / FileGroup.Capacity];
        return group.File(place % FileGroup.Capacity, group.ReadStats());
    }

    public IEnumerable<AddFile> Files()
    {
        for (var g = 0; g < _groups.Length; g++)
        {
            var group = _groups[g];
            string?[]? stats = null;
            for (var i = 0; i < group.Count; i++)
            {
                if (!IsRemoved((g * FileGroup.Capacity) + i)) yield return group.File(i, stats ??= group.ReadStats());
            }
        }
    }

    /// <summary>Null when a file has no statistics.</summary>
    public long? RowCount
    {
        get
        {
            long? rows = 0;
            for (var g = 0; g < _groups.Length; g++)
            {
                for (var i = 0; i < _groups[g].Count; i++)
                {
                    if (!IsRemoved((g * FileGroup.Capacity) + i)) rows += _groups[g].Rows(i);
                }
            }

            return rows;
        }
    }

    public long Bytes
    {
        get
        {
            var bytes = 0L;
            for (var g = 0; g < _groups.Length; g++)
            {
                for (var i = 0; i < _groups[g].Count; i++)
                {
                    if (!IsRemoved((g * FileGroup.Capacity) + i)) bytes += _groups[g].Size(i);
                }
            }

            return bytes;
        }
    }

    /// <summary>Bytes of a file; 0 when it is not here.</summary>
    public long BytesOf(string path) => Place(path) is var place and >= 0 ? _groups[place / FileGroup.Capacity].Size(place % FileGroup.Capacity) : 0;

    /// <summary>Rows of a file that is here; null when it has no statistics.</summary>
    public long? RowsOf(string path) => Place(path) is var place and >= 0 ? _groups[place / FileGroup.Capacity].Rows(place % FileGroup.Capacity) : 0;

    /// <summary>Adds files whose paths are not here.</summary>
    public FileGroups With(IReadOnlyList<AddFile> files)
    {
        if (files.Count == 0) return this;
        var groups = _groups.ToBuilder();
        var shared = new Dictionary<string, ImmutableDictionary<string, string?>>(StringComparer.Ordinal);
        for (var start = 0; start < files.Count; start += FileGroup.Capacity)
        {
            var part = files.Skip(start).Take(FileGroup.Capacity).ToList();
            groups.Add(new FileGroup(part, values => Share(shared, values)));
        }

        var all = groups.ToImmutable();
        var removed = new ulong[all.Length * FileGroup.Capacity / 64];
        _removed.CopyTo(removed, 0);
        var places = _used + files.Count;
        var slots = places * 3L / 2 > _slots.Length ? null : (int[])_slots.Clone();
        var from = _groups.Length;
        if (slots is null)
        {
            slots = new int[checked((int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)places * 2))];
            slots.AsSpan().Fill(EmptySlot);
            from = 0;
        }

        for (var g = from; g < all.Length; g++) Insert(slots, all[g], g, removed);
        return new FileGroups(all, removed, slots, places, Count + files.Count);
    }

    public FileGroups Without(IReadOnlyCollection<string> paths)
    {
        if (paths.Count == 0) return this;
        // Rather new groups than many that are mostly dead.
        if (Count - paths.Count < _used / 2)
        {
            var gone = paths as IReadOnlySet<string> ?? paths.ToHashSet(StringComparer.Ordinal);
            return Empty.With([.. Files().Where(file => !gone.Contains(file.Path))]);
        }

        var removed = (ulong[])_removed.Clone();
        foreach (var path in paths)
        {
            var place = Place(path);
            removed[place / 64] |= 1UL << (place % 64);
        }

        return new FileGroups(_groups, removed, _slots, _used, Count - paths.Count);
    }

    private int Place(string path)
    {
        Span<byte> small = stackalloc byte[512];
        var bytes = Encoding.UTF8.GetMaxByteCount(path.Length) <= small.Length ? small : new byte[Encoding.UTF8.GetByteCount(path)];
        bytes = bytes[..Encoding.UTF8.GetBytes(path, bytes)];
        var mask = _slots.Length - 1;
        for (var slot = Hash(bytes) & mask; _slots[slot] != EmptySlot; slot = (slot + 1) & mask)
        {
            var place = _slots[slot];
            if (!IsRemoved(place) && _groups[place / FileGroup.Capacity].Path(place % FileGroup.Capacity).SequenceEqual(bytes)) return place;
        }

        return EmptySlot;
    }

    private bool IsRemoved(int place) => (_removed[place / 64] & (1UL << (place % 64))) != 0;

    private static void Insert(int[] slots, FileGroup group, int number, ulong[] removed)
    {
        var mask = slots.Length - 1;
        for (var i = 0; i < group.Count; i++)
        {
            var place = (number * FileGroup.Capacity) + i;
            if ((removed[place / 64] & (1UL << (place % 64))) != 0) continue;
            var slot = Hash(group.Path(i)) & mask;
            while (slots[slot] != EmptySlot) slot = (slot + 1) & mask;
            slots[slot] = place;
        }
    }

    private static int Hash(ReadOnlySpan<byte> path)
    {
        var hash = new HashCode();
        hash.AddBytes(path);
        return hash.ToHashCode();
    }

    private static ImmutableDictionary<string, string?> Share(Dictionary<string, ImmutableDictionary<string, string?>> shared,
        ImmutableDictionary<string, string?> values)
    {
        if (values.IsEmpty) return ActionReader.NoValues;
        var key = string.Join('\u0001', values.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}\u0002{entry.Value ?? "\u0003"}"));
        return shared.TryGetValue(key, out var known) ? known : shared[key] = values;
    }
}
