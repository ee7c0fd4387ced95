namespace Pipeline.Core;

/// <summary>
/// One owner, one end, for what is native behind a managed wrapper that does not count its users: one thread uses it at a
/// time, the end waits for the one that does, and whoever comes later gets an exception instead of freed memory.
/// </summary>
/// <param name="owner">The name of the type that keeps the handle, for the exception.</param>
/// <remarks>
/// A wrapper that is a <see cref="System.Runtime.InteropServices.SafeHandle"/> counts its users itself and needs none of
/// this. For uses that do not await.
/// </remarks>
public sealed class HandleGate(string owner)
{
    private readonly Lock _lock = new();
    private bool _hasEnded;

    /// <summary>Uses the handle until what is returned is disposed.</summary>
    /// <exception cref="ObjectDisposedException">It has ended.</exception>
    public Lock.Scope Enter()
    {
        var scope = _lock.EnterScope();
        if (!_hasEnded) return scope;
        scope.Dispose();
        throw new ObjectDisposedException(owner);
    }

    /// <summary>Closes the handle behind the last use; once, however often it is asked.</summary>
    /// <returns>Whether it was this call: what else ends with the handle is the caller's then, and nobody's else.</returns>
    public bool End(Action close)
    {
        if (_lock.IsHeldByCurrentThread) throw new InvalidOperationException($"{owner} is ended by its own use.");
        lock (_lock)
        {
            if (_hasEnded) return false;
            _hasEnded = true;
            close();
            return true;
        }
    }
}
