using System.Globalization;
using Pipeline.Core;
using Pipeline.Delta;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;

namespace Pipeline.Operations.Backups;

/// <summary>The objects of a table up to a version: those of its log, and the files that its commits name, also those that are read by nobody but who goes through the log.</summary>
/// <param name="directory">Of the table in the store.</param>
internal sealed class BackedUpFiles(IObjectStore store, string directory)
{
    private const int VersionDigits = 20;
    private const int PieceBytes = 8 << 20;

    private string Log => $"{directory}/_delta_log/";

    /// <summary>Paths in the table of all objects that it has there, and their sizes.</summary>
    public async Task<Dictionary<string, long>> AllAsync(CancellationToken cancellationToken)
    {
        var all = new Dictionary<string, long>(StringComparer.Ordinal);
        await foreach (var found in store.ListAsync($"{directory}/", startAt: null, cancellationToken)) all[found.Path[(directory.Length + 1)..]] = found.Size;
        return all;
    }

    /// <summary>Commits and checkpoints up to a version, in their order.</summary>
    public async Task<IReadOnlyList<ObjectInfo>> LogAsync(long version, CancellationToken cancellationToken)
    {
        var found = new List<ObjectInfo>();
        await foreach (var one in store.ListAsync(Log, startAt: null, cancellationToken))
            if (VersionOf(one.Path) <= version) found.Add(one with { Path = one.Path[(directory.Length + 1)..] });
        return found;
    }

    /// <summary>Data files that a version has.</summary>
    public static async Task<IReadOnlyDictionary<string, AddFile>> FilesAsync(DeltaTable table, long version, CancellationToken cancellationToken) =>
        (await table.AtVersionAsync(version, cancellationToken)).FilesByPath;

    /// <summary>Data files that a commit of the log has added.</summary>
    /// <param name="path">Of the commit, in the table.</param>
    public static async Task<IEnumerable<AddFile>> AddedByAsync(DeltaTable table, string path, CancellationToken cancellationToken) =>
        path.EndsWith(".json", StringComparison.Ordinal) && VersionOf(path) is { } version && await table.TryReadCommitAsync(version, cancellationToken) is { } actions ? actions.OfType<AddFile>() : [];

    /// <summary>Copies an object of the table into a table's directory elsewhere.</summary>
    /// <param name="path">In the table.</param>
    /// <returns>Its bytes.</returns>
    /// <exception cref="PipelineException">It is not there.</exception>
    public async Task<long> CopyAsync(string path, IObjectStore to, string toDirectory, CancellationToken cancellationToken)
    {
        var from = $"{directory}/{path}";
        var size = (await store.TryStatAsync(from, cancellationToken))?.Size
            ?? throw new PipelineException(FaultKind.Missing, $"Object {from} in {store.LocationOf(from)}", "the table's log names it, and it is not there", "Run './pipeline verify', which says what the table lacks.");
        await using var upload = await to.OpenUploadAsync($"{toDirectory}/{path}", cancellationToken);
        for (long at = 0; at < size; at += PieceBytes)
            await upload.Content.WriteAsync(await store.GetRangeAsync(from, at, (int)Math.Min(PieceBytes, size - at), cancellationToken), cancellationToken);
        await upload.CompleteAsync(cancellationToken);
        return size;
    }

    /// <summary>Of a commit or a checkpoint; null: it is none.</summary>
    private static long? VersionOf(string path)
    {
        var name = path.AsSpan(path.LastIndexOf('/') + 1);
        return name.Length > VersionDigits && name[VersionDigits] == '.' && long.TryParse(name[..VersionDigits], NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : null;
    }
}
