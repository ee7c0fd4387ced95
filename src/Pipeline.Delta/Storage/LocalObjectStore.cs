using System.Runtime.CompilerServices;
using Pipeline.Core;

namespace Pipeline.Delta.Storage;

/// <summary>
/// A directory as an object store. Objects appear whole and durable: written under a name that starts with a dot, synced,
/// then linked or renamed into place. Listings leave out names that start with a dot.
/// </summary>
public sealed class LocalObjectStore : IObjectStore
{
    private readonly string _root;

    public LocalObjectStore(string root) => _root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(root));

    public string Location => _root;

    /// <exception cref="PipelineException">The path leads out of the store.</exception>
    public string LocalPath(string path)
    {
        var local = Path.GetFullPath(Path.Combine(_root, path));
        return local == _root || _root.EndsWith(Path.DirectorySeparatorChar) || (local.StartsWith(_root, StringComparison.Ordinal) && local[_root.Length] == Path.DirectorySeparatorChar)
            ? local
            : throw new PipelineException(FaultKind.Invalid, $"Lake {_root}", $"the path {path.ReplaceLineEndings(" ")} leads out of it", "Look who has written it: a table's log, or the configuration.");
    }

    public ValueTask<PutOutcome> PutIfAbsentAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(LocalErrors.Guard(this, path, "written", () =>
        {
            var target = LocalPath(path);
            var temporary = WriteTemporary(target, content.Span);
            try
            {
                if (!AtomicFile.TryLink(temporary, target)) return PutOutcome.Exists;
            }
            finally
            {
                File.Delete(temporary);
            }

            Durable.SyncDirectory(Path.GetDirectoryName(target)!);
            return PutOutcome.Created;
        }));
    }

    public ValueTask PutAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LocalErrors.Guard(this, path, "written", () =>
        {
            var target = LocalPath(path);
            var temporary = WriteTemporary(target, content.Span);
            File.Move(temporary, target, overwrite: true);
            Durable.SyncDirectory(Path.GetDirectoryName(target)!);
            return true;
        });
        return ValueTask.CompletedTask;
    }

    public ValueTask<ObjectUpload> OpenUploadAsync(string path, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(LocalErrors.Guard<ObjectUpload>(this, path, "written", () =>
        {
            var target = LocalPath(path);
            CreateDirectoryOf(target);
            var temporary = AtomicFile.TemporaryName(target);
            return new LocalUpload(this, path, temporary, target);
        }));
    }

    public ValueTask<byte[]?> TryGetAsync(string path, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(LocalErrors.Guard(this, path, "read", () =>
        {
            try
            {
                return File.ReadAllBytes(LocalPath(path));
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                return null;
            }
        }));
    }

    public ValueTask<ObjectInfo?> TryStatAsync(string path, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(LocalErrors.Guard<ObjectInfo?>(this, path, "read", () =>
        {
            var file = new FileInfo(LocalPath(path));
            if (file.Exists) return new ObjectInfo(path, file.Length, new DateTimeOffset(file.LastWriteTimeUtc));
            return Directory.Exists(file.FullName) ? throw LocalErrors.IsDirectory(this, path) : null;
        }));
    }

    public ValueTask<byte[]> GetRangeAsync(string path, long offset, int length, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(LocalErrors.Guard(this, path, "read", () =>
        {
            using var file = File.OpenHandle(LocalPath(path));
            var content = new byte[length];
            var read = 0;
            while (read < length)
            {
                var more = RandomAccess.Read(file, content.AsSpan(read), offset + read);
                if (more == 0)
                    throw new PipelineException(FaultKind.Damaged, LocalErrors.Name(this, path),
                        $"it ends at byte {offset + read}, and byte {offset + length - 1} was asked for", "Restore the object.");
                read += more;
            }

            return content;
        }));
    }

    public async IAsyncEnumerable<ObjectInfo> ListAsync(string prefix, string? startAt, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        var slash = prefix.LastIndexOf('/');
        foreach (var found in LocalListing.Walk(this, slash < 0 ? "" : prefix[..slash], prefix, startAt))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return found;
        }
    }

    public ValueTask DeleteAsync(string path, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LocalErrors.Guard(this, path, "deleted", () =>
        {
            try
            {
                File.Delete(LocalPath(path));
                RemoveIfEmpty(path);
            }
            catch (DirectoryNotFoundException)
            {
                // As good as deleted.
            }

            return true;
        });
        return ValueTask.CompletedTask;
    }

    public async IAsyncEnumerable<UnfinishedUpload> ListUnfinishedAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        var slash = prefix.LastIndexOf('/');
        foreach (var found in LocalUnfinished.Find(this, slash < 0 ? "" : prefix[..slash]))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (found.Path.StartsWith(prefix, StringComparison.Ordinal)) yield return found;
        }
    }

    public ValueTask AbandonAsync(UnfinishedUpload upload, CancellationToken cancellationToken) =>
        DeleteAsync(Path.GetRelativePath(_root, LocalUnfinished.PathOf(this, upload)), cancellationToken);

    /// <summary>The directory of an execution, which is nobody else's, goes with its last file, and what is below it.</summary>
    private void RemoveIfEmpty(string path)
    {
        var parts = path.Split('/');
        for (var depth = parts.Length - 1; depth > 0 && parts.Take(depth).Any(part => part.StartsWith("x-", StringComparison.Ordinal)); depth--)
        {
            var directory = LocalPath(string.Join('/', parts.Take(depth)));
            if (Directory.EnumerateFileSystemEntries(directory).Any()) return;
            Directory.Delete(directory);
        }
    }

    private static string WriteTemporary(string target, ReadOnlySpan<byte> content)
    {
        CreateDirectoryOf(target);
        var temporary = AtomicFile.TemporaryName(target);
        try
        {
            // No preallocation: its failure on a full disk does not carry the system's error number.
            using var file = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write);
            RandomAccess.Write(file, content, 0);
            Durable.SyncFile(file, temporary);
        }
        catch (IOException)
        {
            File.Delete(temporary);
            throw;
        }

        return temporary;
    }

    private static void CreateDirectoryOf(string target) => Durable.CreateDirectory(Path.GetDirectoryName(target)!);
}
