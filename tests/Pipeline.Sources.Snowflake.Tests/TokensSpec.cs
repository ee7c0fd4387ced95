using Microsoft.Extensions.Time.Testing;
using Pipeline.Sources.Snowflake.Client;

namespace Pipeline.Sources.Snowflake.Tests;

public sealed class TokensSpec
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task A_token_is_used_until_shortly_before_its_end()
    {
        using var tokens = new NumberedTokens(_time, TimeSpan.FromMinutes(10));

        Assert.Equal("1", await ValueAsync(tokens));
        _time.Advance(TimeSpan.FromMinutes(9) - TimeSpan.FromSeconds(1));
        Assert.Equal("1", await ValueAsync(tokens));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("2", await ValueAsync(tokens));
    }

    [Fact]
    public async Task A_short_lived_token_is_renewed_when_a_fifth_of_its_life_is_left()
    {
        using var tokens = new NumberedTokens(_time, TimeSpan.FromSeconds(10));

        Assert.Equal("1", await ValueAsync(tokens));
        _time.Advance(TimeSpan.FromSeconds(8));
        Assert.Equal("2", await ValueAsync(tokens));
    }

    [Fact]
    public async Task A_refused_token_is_replaced_once_however_many_saw_it_refused()
    {
        using var tokens = new NumberedTokens(_time, TimeSpan.FromMinutes(10));
        var refused = await tokens.GetAsync(TestContext.Current.CancellationToken);

        tokens.Invalidate(refused);
        Assert.Equal("2", await ValueAsync(tokens));
        tokens.Invalidate(refused);
        Assert.Equal("2", await ValueAsync(tokens));
    }

    private static async Task<string> ValueAsync(Tokens tokens) => (await tokens.GetAsync(TestContext.Current.CancellationToken)).Value;

    private sealed class NumberedTokens(TimeProvider time, TimeSpan lifetime) : Tokens(time)
    {
        private int _count;

        public override string Type => "OAUTH";

        protected override ValueTask<AccessToken> CreateAsync(CancellationToken cancellationToken) =>
            ValueTask.FromResult(new AccessToken((++_count).ToString(), Time.GetUtcNow() + lifetime));
    }
}
