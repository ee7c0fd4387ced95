using System.Net;

namespace Pipeline.Emulation.Emr;

/// <summary>Carries a client's requests to the service without a socket.</summary>
public sealed class EmrMessageHandler(EmrService service) : HttpMessageHandler
{
    private readonly EmrWire _wire = new(service);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        return Answer(request, body);
    }

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) => throw new NotSupportedException("Requests are sent asynchronously.");

    private HttpResponseMessage Answer(HttpRequestMessage request, byte[] body)
    {
        var answer = _wire.Answer(new EmrRequest(request.Method.Method, request.RequestUri!.PathAndQuery, name => HeaderOf(request, name), body))
            ?? throw new HttpRequestException(HttpRequestError.ResponseEnded, "The response ended prematurely.");
        var response = new HttpResponseMessage((HttpStatusCode)answer.Status) { RequestMessage = request, Content = new ByteArrayContent(answer.Body) };
        response.Content.Headers.TryAddWithoutValidation("Content-Type", answer.ContentType);
        if (answer.ErrorType is not null) response.Headers.TryAddWithoutValidation("x-amzn-ErrorType", answer.ErrorType);
        return response;
    }

    private static string? HeaderOf(HttpRequestMessage request, string name) =>
        request.Headers.NonValidated.TryGetValues(name, out var values) || (request.Content?.Headers.NonValidated.TryGetValues(name, out values) ?? false) ? values.ToString() : null;
}
