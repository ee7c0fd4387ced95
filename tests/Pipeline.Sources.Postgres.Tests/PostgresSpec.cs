using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>A test on a real server: it fails when it has waited for minutes for something that does not happen.</summary>
public abstract class PostgresSpec : IDisposable
{
    private readonly CancellationTokenSource _deadline;

    protected PostgresSpec()
    {
        _deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        _deadline.CancelAfter(Deadlines.Test);
        Cancel = _deadline.Token;
    }

    protected CancellationToken Cancel { get; }

    public void Dispose()
    {
        _deadline.Dispose();
        GC.SuppressFinalize(this);
    }
}
