namespace Pipeline.Delta.Storage;

/// <summary>A file under a temporary name until it is complete.</summary>
internal sealed class LocalUpload : ObjectUpload
{
    private readonly LocalObjectStore _store;
    private readonly string _path;
    private readonly string _temporary;
    private readonly string _target;
    private readonly FileStream _file;
    private bool _isComplete;

    public LocalUpload(LocalObjectStore store, string path, string temporary, string target)
    {
        _store = store;
        _path = path;
        _temporary = temporary;
        _target = target;
        _file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 128 * 1024);
    }

    public override Stream Content => _file;

    public override ValueTask<long> CompleteAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(LocalErrors.Guard(_store, _path, "written", () =>
        {
            _file.Flush(flushToDisk: true);
            var size = _file.Length;
            _file.Dispose();
            File.Move(_temporary, _target, overwrite: true);
            _isComplete = true;
            AtomicFile.SyncDirectory(Path.GetDirectoryName(_target)!);
            return size;
        }));
    }

    public override async ValueTask DisposeAsync()
    {
        if (_isComplete) return;
        try
        {
            await _file.DisposeAsync();
        }
        catch (IOException)
        {
            // The disk is full: what is buffered is dropped with the file.
        }

        File.Delete(_temporary);
    }
}
