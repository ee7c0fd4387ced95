using System.Net;
using System.Text.Json.Nodes;
using Pipeline.Core;
using Pipeline.Node.Http.Api;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>What a node answers, of a lake with tables.</summary>
public sealed class ApiSpec : IDisposable
{
    private static readonly TableId People = TableId.Bronze("crm", "people");
    private static readonly TableId Totals = TableId.Gold("totals");

    private readonly ScratchDirectory _directory = new("pipeline-api-");
    private readonly LakeFixture _lake = new();

    public void Dispose()
    {
        _lake.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Its_description_is_the_one_that_is_kept() => Golden.Verify("openapi.json", OpenApiDocument.Text);

    [Fact]
    public async Task Every_document_has_a_schema_version_and_says_what_its_operation_does()
    {
        await _lake.AppendAsync(People, "Ada", "Bo");
        await _lake.AppendAsync(Totals, "one");
        await using var node = await WebNode.StartAsync(_directory, _lake.Directory);

        var status = await ReadAsync(node, "/v1/status");
        Assert.Equal(["bronze/crm/people", "gold/totals"], status["items"]!.AsArray().Select(item => (string)item!["table"]!));
        Assert.All(status["items"]!.AsArray(), item => Assert.Equal("late", (string)item!["state"]!));
        Assert.All(status["items"]!.AsArray(), item => Assert.True((double)item!["age_seconds"]! > (double)item["sla_seconds"]!));
        Assert.Equal(2, (int)(await ReadAsync(node, "/v1/tables"))["items"]![0]!["rows"]!);
        var table = await ReadAsync(node, "/v1/tables/bronze%2Fcrm%2Fpeople");
        Assert.Equal((2, "id", "name"), ((int)table["table"]!["rows"]!, (string)table["columns"]![0]!["name"]!, (string)table["columns"]![1]!["name"]!));
        Assert.Equal([1, 0], (await ReadAsync(node, "/v1/tables/bronze%2Fcrm%2Fpeople/history"))["items"]!.AsArray().Select(item => (int)item!["version"]!));
        foreach (var path in (string[])["/v1/kpi?days=1", "/v1/quarantine", "/v1/dlq", "/v1/events", "/v1/whoami"]) Assert.NotNull(await ReadAsync(node, path));
    }

    [Fact]
    public async Task A_list_is_read_in_pieces_which_keep_their_place()
    {
        for (var i = 0; i < 5; i++) await _lake.AppendAsync(TableId.Gold($"t{i}"), "one");
        for (var i = 0; i < 4; i++) await _lake.AppendAsync(Totals, "one");
        await using var node = await WebNode.StartAsync(_directory, _lake.Directory);

        Assert.Equal(["gold/t0", "gold/t1", "gold/t2", "gold/t3", "gold/t4", "gold/totals"], (await AllAsync(node, "/v1/status?limit=4")).Select(item => (string)item["table"]!));
        Assert.Equal(["gold/t0", "gold/t1", "gold/t2", "gold/t3", "gold/t4", "gold/totals"], (await AllAsync(node, "/v1/tables?limit=1")).Select(item => (string)item["table"]!));
        Assert.Equal([4, 3, 2, 1, 0], (await AllAsync(node, "/v1/tables/gold%2Ftotals/history?limit=2")).Select(item => (int)item["version"]!));
    }

    [Fact]
    public async Task What_has_not_changed_is_not_sent_again_though_it_is_older()
    {
        await _lake.AppendAsync(Totals, "one");
        await using var node = await WebNode.StartAsync(_directory, _lake.Directory);
        using var first = await node.GetAsync("viewer", "/v1/status");
        HttpRequestMessage Again() => new(HttpMethod.Get, "/v1/status") { Headers = { { "If-None-Match", first.Headers.ETag!.ToString() } } };

        using var same = await node.SendAsync("viewer", Again());
        Assert.Equal(HttpStatusCode.NotModified, same.StatusCode);
        Assert.Empty(await same.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));

        await _lake.AppendAsync(Totals, "two");
        using var changed = await node.SendAsync("viewer", Again());
        Assert.Equal(HttpStatusCode.OK, changed.StatusCode);
        Assert.NotEqual(first.Headers.ETag, changed.Headers.ETag);
    }

    [Theory]
    [InlineData("/v1/tables/gold%2Fnone", HttpStatusCode.NotFound, "missing", "Table gold/none")]
    [InlineData("/v1/tables/none", HttpStatusCode.BadRequest, "invalid", "'table' of this request")]
    [InlineData("/v1/status?limit=0", HttpStatusCode.BadRequest, "invalid", "'limit' of this request")]
    [InlineData("/v1/status?limit=ten", HttpStatusCode.BadRequest, "invalid", "'limit' of this request")]
    [InlineData("/v1/status?cursor=%25", HttpStatusCode.BadRequest, "invalid", "'cursor' of this request")]
    [InlineData("/v1/status?sort=age", HttpStatusCode.BadRequest, "invalid", "'sort' of this request")]
    [InlineData("/v1/status?limit=1&limit=2", HttpStatusCode.BadRequest, "invalid", "'limit' of this request")]
    [InlineData("/v1/nothing", HttpStatusCode.NotFound, "missing", "This request")]
    public async Task An_error_names_thing_cause_and_next_step(string path, HttpStatusCode status, string code, string thing)
    {
        await _lake.AppendAsync(Totals, "one");
        await using var node = await WebNode.StartAsync(_directory, _lake.Directory);

        using var answer = await node.GetAsync("viewer", path);

        Assert.Equal((status, "application/problem+json"), (answer.StatusCode, answer.Content.Headers.ContentType!.MediaType));
        var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        Assert.Equal((code, thing, ApiJson.SchemaVersion, (int)status), ((string)problem["code"]!, (string)problem["thing"]!, (int)problem["schema_version"]!, (int)problem["status"]!));
        Assert.NotEmpty((string)problem["cause"]!);
        Assert.NotEmpty((string)problem["next_step"]!);
    }

    private static async Task<List<JsonNode>> AllAsync(WebNode node, string path)
    {
        var (items, cursor, limit) = (new List<JsonNode>(), "", int.Parse(path.Split("limit=")[1]));
        do
        {
            var page = await ReadAsync(node, path + cursor);
            Assert.InRange(page["items"]!.AsArray().Count, 1, limit);
            items.AddRange(page["items"]!.AsArray()!);
            cursor = $"&cursor={(string?)page["next"]}";
        }
        while (cursor != "&cursor=");
        return items;
    }

    private static async Task<JsonNode> ReadAsync(WebNode node, string path)
    {
        using var answer = await node.GetAsync("viewer", path);
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode, $"{path}: {text}");
        var document = JsonNode.Parse(text)!;
        Assert.Equal(ApiJson.SchemaVersion, (int)document["schema_version"]!);
        return document;
    }
}
