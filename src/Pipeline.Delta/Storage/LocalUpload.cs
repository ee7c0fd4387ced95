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
        Content = new GuardedStream(store, path, _file);
    }

    public override Stream Content { get; }

    public override ValueTask<long> CompleteAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(LocalErrors.Guard(_store, _path, "written", () =>
        {
            Durable.SyncFile(_file);
            var size = _file.Length;
            _file.Dispose();
            File.Move(_temporary, _target, overwrite: true);
            _isComplete = true;
            Durable.SyncDirectory(Path.GetDirectoryName(_target)!);
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

/// <summary>Writes to a file; errors say what they mean, under the name that the object will have.</summary>
internal sealed class GuardedStream(LocalObjectStore store, string path, FileStream file) : Stream
{
    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => file.Length;

    public override long Position
    {
        get => file.Position;
        set => throw new NotSupportedException();
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        try
        {
            file.Write(buffer);
        }
        catch (IOException e)
        {
            throw LocalErrors.Explain(store, path, "written", e);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await file.WriteAsync(buffer, cancellationToken);
        }
        catch (IOException e)
        {
            throw LocalErrors.Explain(store, path, "written", e);
        }
    }

    public override void Flush()
    {
        // What is buffered is written when the upload completes.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
