using System.Runtime.InteropServices;

namespace Pipeline.Sources.Kafka.Client;

/// <summary>
/// A queue of librdkafka's. Calls hold it, and it holds its client: the queue ends with the last call after its disposal, and
/// the client behind it, whoever disposes what first.
/// </summary>
internal sealed class QueueHandle : SafeHandle
{
    private readonly ClientLease _client;

    /// <param name="open">Makes the queue at a client.</param>
    /// <exception cref="ObjectDisposedException">The client is left already.</exception>
    public QueueHandle(ClientLease client, Func<nint, nint> open) : base(invalidHandleValue: 0, ownsHandle: true)
    {
        _client = client.Share();
        SetHandle(open(_client.Client));
    }

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LibRdKafka.Destroy(handle);
        _client.Dispose();
        return true;
    }
}

/// <summary>Keeps a handle from its end during a call.</summary>
internal readonly ref struct HeldHandle
{
    private readonly SafeHandle _handle;

    /// <exception cref="ObjectDisposedException">It has ended.</exception>
    public HeldHandle(SafeHandle handle)
    {
        _handle = handle;
        var isHeld = false;
        handle.DangerousAddRef(ref isHeld);
        Value = handle.DangerousGetHandle();
    }

    public nint Value { get; }

    public void Dispose() => _handle.DangerousRelease();
}
