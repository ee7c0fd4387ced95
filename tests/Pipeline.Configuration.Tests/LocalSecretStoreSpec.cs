using Pipeline.Core;
using Pipeline.Testing;

namespace Pipeline.Configuration.Tests;

public sealed class LocalSecretStoreSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task Reveals_a_file_each_time_anew()
    {
        var path = Path.Combine(_directory, "password");
        var store = new LocalSecretStore();
        var secret = new Secret($"secret:file:{path}");

        await File.WriteAllTextAsync(path, "first\n", Cancellation);
        Assert.Equal("first", await store.RevealAsync(secret, Cancellation));
        await File.WriteAllTextAsync(path, "second", Cancellation);
        Assert.Equal("second", await store.RevealAsync(secret, Cancellation));
    }

    [Fact]
    public async Task A_plain_value_is_itself() => Assert.Equal("hunter2", await new LocalSecretStore().RevealAsync(new Secret("hunter2"), Cancellation));

    [Theory]
    [InlineData("secret:file:/nowhere/at/all", FaultKind.NotAuthorised)]
    [InlineData("secret:aws:name", FaultKind.Invalid)]
    public async Task Says_which_reference_leads_nowhere(string reference, FaultKind kind)
    {
        var fault = await Assert.ThrowsAsync<PipelineException>(async () => await new LocalSecretStore().RevealAsync(new Secret(reference), Cancellation));

        Assert.Equal(kind, fault.Kind);
        Assert.Equal($"Secret {reference}", fault.Thing);
    }
}
