using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Node.Http;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>What somebody asks costs the node a bounded amount.</summary>
public sealed class LimitsSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-limits-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Each_who_asks_has_twice_as_many_at_once_as_a_second_brings_and_nobody_uses_up_anothers()
    {
        var time = new FakeTimeProvider();
        var rate = new RequestRate(perSecond: 3, time);

        Assert.Equal([true, true, true, true, true, true, false], Enumerable.Range(0, 7).Select(_ => rate.Takes("one")));
        Assert.True(rate.Takes("other"));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => rate.Takes("one")));
        // Strangers from ever new addresses do not make it forget who has used his up.
        for (var i = 0; i < 30_000; i++) rate.Takes($"stranger {i}");
        Assert.True(rate.Remembered <= 10_000);
    }

    [Fact]
    public async Task Too_many_requests_are_refused_for_a_second_whatever_they_show()
    {
        await using var node = await WebNode.StartAsync(_directory, http: "access.requests-per-second = 2");
        async Task<HttpResponseMessage> UntilRefusedAsync(string credential)
        {
            // Many at once: one after the other may be as slow as what is allowed.
            while (true)
                foreach (var answer in await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => node.GetAsync(credential, "/v1/whoami"))))
                {
                    if (answer.StatusCode == HttpStatusCode.TooManyRequests) return answer;
                    answer.Dispose();
                }
        }

        using var refused = await UntilRefusedAsync("viewer");
        using var stranger = await UntilRefusedAsync("none");

        Assert.Equal("1", Assert.Single(refused.Headers.GetValues("Retry-After")));
        Assert.Equal(HttpStatusCode.OK, (await node.GetAsync("none", "/healthz/live")).StatusCode);
    }

    [Fact]
    public async Task One_row_at_a_time_is_looked_for()
    {
        var services = new ApiServices(Options: null!, Lake: null!, Health: null!, Measured: null!, Events: null!, Gate: null!, Sessions: null!, Control: null!, Record: null!, Node: "", Log: null!, Time: null!);
        var endpoint = Assert.Single(ApiEndpoints.All, one => one.Path == "/v1/tables/{table}/row");
        var http = new DefaultHttpContext();

        using (services.Rows.TryTake()) await endpoint.Handle(new ApiCall(http, endpoint, services, Caller: null));
        using var next = services.Rows.TryTake();

        Assert.Equal((StatusCodes.Status429TooManyRequests, "1"), (http.Response.StatusCode, http.Response.Headers.RetryAfter.ToString()));
        Assert.NotNull(next);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_not_read()
    {
        await using var node = await WebNode.StartAsync(_directory);
        using var large = new HttpRequestMessage(HttpMethod.Post, "/v1/session") { Content = new StringContent(new string(' ', NodeHttp.BodyBytesMax + 1), Encoding.UTF8, "application/json") };

        using var refused = await node.SendAsync("admin", large);

        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, refused.StatusCode);
    }

    [Fact]
    public async Task More_connections_than_there_may_be_are_closed_at_once()
    {
        await using var node = await WebNode.StartAsync(_directory);
        var connections = new List<Socket>();
        try
        {
            // One of them says nothing and is closed at once, though it was not the first to come.
            var closed = Enumerable.Range(0, NodeHttp.ConnectionsMax + 20).Select(async _ =>
            {
                var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                lock (connections) connections.Add(socket);
                await socket.ConnectAsync(IPAddress.Loopback, node.Http.BaseAddress!.Port, TestContext.Current.CancellationToken);
                try
                {
                    return await socket.ReceiveAsync(new byte[1], TestContext.Current.CancellationToken);
                }
                catch (SocketException)
                {
                    return 0;
                }
            });

            // Idle ones are closed after two minutes.
            var first = await await Task.WhenAny(closed).WaitAsync(Deadlines.Test, TestContext.Current.CancellationToken);

            Assert.Equal(0, first);
        }
        finally
        {
            foreach (var socket in connections) socket.Dispose();
        }
    }
}
