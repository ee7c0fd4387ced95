using Pipeline.Delta.Tests;
using Pipeline.Testing;

namespace Pipeline.DuckDb.Tests;

/// <summary>Statements that are cancelled, and sessions that are ended, at whatever moment.</summary>
public sealed class DuckDbSessionSpec : IDisposable
{
    /// <summary>Longer than any test waits.</summary>
    private const string Endless = "SELECT count(*) FROM range(100000000) AS a, range(1000000) AS b WHERE (a.range * b.range) % 7 = 3";

    private static readonly TimeSpan Deadline = Deadlines.Test;
    private static readonly int Rounds = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 5_000 : 60;

    private readonly Scratch _scratch = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task A_statement_ends_at_whatever_moment_it_is_cancelled()
    {
        for (var round = 0; round < Rounds; round++)
        {
            using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
            using var session = Open(cancel.Token);
            // The last of several: DuckDB forgets an interrupt that comes between two.
            var statement = Task.Run(() => session.Execute($"SELECT 1; SELECT 2; SELECT 3; {Endless}"), Cancel);
            Spin(round);

            await cancel.CancelAsync();

            var error = await Record.ExceptionAsync(() => statement.WaitAsync(Deadline, Cancel));
            Assert.Equal(cancel.Token, Assert.IsAssignableFrom<OperationCanceledException>(error).CancellationToken);
        }
    }

    [Fact]
    public async Task A_session_that_is_ended_interrupts_its_statement_waits_for_it_and_takes_no_more()
    {
        for (var round = 0; round < Rounds; round++)
        {
            var session = Open(Cancel);
            var statements = Enumerable.Range(0, 2).Select(_ => Task.Run(() => session.Count(Endless), Cancel)).ToList();
            Spin(round);

            await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(session.Dispose, Cancel))).WaitAsync(Deadline, Cancel);

            foreach (var statement in statements) await Assert.ThrowsAsync<ObjectDisposedException>(() => statement.WaitAsync(Deadline, Cancel));
            Assert.False(Directory.Exists(session.ScratchDirectory));
            Assert.Throws<ObjectDisposedException>(() => session.Execute("SELECT 1"));
        }
    }

    [Theory]
    [InlineData("SELECT unnest(['a', NULL, 'b']) AS word, true AS is_asked")]
    [InlineData("SELECT NULL::VARCHAR AS word, true AS is_asked FROM range(3)")]
    [InlineData("SELECT CASE WHEN i % 5 = 0 THEN NULL ELSE 'word ' || i % 3 END AS word, i % 2 = 0 AS is_asked FROM range(5000) AS r(i)")]
    public void A_function_gives_null_for_null_in_rows_and_in_dictionaries_of_files(string rows)
    {
        using var session = Open(Cancel);
        session.Register("shouted", text => text.ToUpperInvariant());
        var file = Path.Combine(_scratch.Root, "words.parquet");
        session.Execute($"COPY ({rows}) TO '{file}' (FORMAT parquet)");

        foreach (var from in (string[])[$"({rows})", $"'{file}'"])
            Assert.Equal(0, session.Count($"SELECT count(*) FROM {from} WHERE is_asked AND shouted(word) IS DISTINCT FROM upper(word)"));
    }

    [Fact]
    public void A_cancellation_behind_the_end_reaches_nobody()
    {
        using var cancel = new CancellationTokenSource();
        var session = Open(cancel.Token);
        session.Execute("SELECT 1");
        session.Dispose();

        cancel.Cancel();

        Assert.Throws<ObjectDisposedException>(() => session.Execute("SELECT 1"));
    }

    private DuckDbSession Open(CancellationToken cancellationToken) =>
        DuckDbSession.Open(new DuckDbSettings(64L << 20, Threads: 1, _scratch.Root), cancellationToken);

    /// <summary>Another moment each round: from before the statement to its middle.</summary>
    private static void Spin(int round) => Thread.SpinWait(round % 20 * round % 20 * 500);
}
