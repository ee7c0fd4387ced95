using System.Security.Cryptography;
using System.Text;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Delta.Storage;
using Pipeline.Delta.Table;

namespace Pipeline.Transform.Jobs.Rebuild;

/// <summary>
/// Files that were built beside a table as files of the table itself: what was built goes when the switch is over. Each is copied once,
/// whichever try of the switch does it: neither what others commit to the table meanwhile nor a limit of time begins it again.
/// </summary>
/// <param name="switched">The table's last switch before this one, whose files are the table's; null: there was none.</param>
internal sealed class RebuildCopies(IObjectStore store, long? switched)
{
    private const int PieceBytes = 8 << 20;

    /// <param name="to">The table.</param>
    /// <param name="from">What was built for it.</param>
    /// <param name="built">The id of what was built.</param>
    /// <returns>The copy's path in the table.</returns>
    public async ValueTask<string> EnsureAsync(TableId to, TableId from, string built, AddFile file, CancellationToken cancellationToken)
    {
        var directory = ExecutionDirectory.Of(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{built}\0{switched}\0{file.Path}")))[..32]);
        var path = $"{directory}/{file.Path[(file.Path.LastIndexOf('/') + 1)..]}";
        var (source, target) = (TableFilePath.In(store, from.ToString(), file.Path), $"{to}/{path}");
        if ((await store.TryStatAsync(target, cancellationToken))?.Size != file.Size) await CopyAsync(source, target, file.Size, cancellationToken);
        return path;
    }

    private async ValueTask CopyAsync(string from, string to, long size, CancellationToken cancellationToken)
    {
        await using var upload = await store.OpenUploadAsync(to, cancellationToken);
        for (long at = 0; at < size; at += PieceBytes)
            await upload.Content.WriteAsync(await store.GetRangeAsync(from, at, (int)Math.Min(PieceBytes, size - at), cancellationToken), cancellationToken);
        await upload.CompleteAsync(cancellationToken);
    }
}
