namespace Pipeline.Core.Tests;

public sealed class HandleGateSpec
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whatever_comes_when_the_handle_is_closed_once_behind_its_last_use_and_used_never_again()
    {
        var rounds = Environment.GetEnvironmentVariable("PIPELINE_NIGHTLY") == "1" ? 100_000 : 1_000;
        for (var round = 0; round < rounds; round++)
        {
            var gate = new HandleGate("it");
            var (users, closed, wrong) = (0, 0, 0);
            var usersOfIt = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
            {
                while (true)
                {
                    using var use = gate.Enter();
                    if (Interlocked.Increment(ref users) != 1 || Volatile.Read(ref closed) != 0) Interlocked.Increment(ref wrong);
                    Interlocked.Decrement(ref users);
                }
            }, Cancel)).ToList();
            var enders = Enumerable.Range(0, 2).Select(_ => Task.Run(() => gate.End(() =>
            {
                if (Volatile.Read(ref users) != 0) Interlocked.Increment(ref wrong);
                Interlocked.Increment(ref closed);
            }), Cancel));

            Assert.Single(await Task.WhenAll(enders), isTheEnd => isTheEnd);

            foreach (var user in usersOfIt) Assert.Equal("it", (await Assert.ThrowsAsync<ObjectDisposedException>(() => user)).ObjectName);
            Assert.Equal((1, 0), (closed, wrong));
        }
    }

    [Fact]
    public void A_use_does_not_pull_the_handle_away_under_itself()
    {
        var gate = new HandleGate("it");
        var closed = false;
        using (gate.Enter()) Assert.Throws<InvalidOperationException>(() => gate.End(() => closed = true));

        Assert.False(closed);
        gate.End(() => closed = true);
        Assert.True(closed);
    }
}
