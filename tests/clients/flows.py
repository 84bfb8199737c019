"""What an ERP does, by the client that OpenAPI Generator makes for Python."""

import base64
import os
import time

import openapi_client as client

connection = os.environ["CONNECTION"]
configuration = client.Configuration(host=os.environ["HUB"], access_token=os.environ["API_KEY"])
api = client.ApiClient(configuration)
xhq, calls = client.XhqApi(api), client.CallsApi(api)
deliveries, events = client.DeliveriesApi(api), client.EventsApi(api)


def failed(order):
    """The failed delivery of an order's event, once it is listed."""
    for _ in range(300):
        page = deliveries.list_failed_deliveries(endpoint="erp", limit=1000)
        found = [item for item in page.items if item.subject == f"order:{order}"]
        if found:
            return page, found[0]
        time.sleep(0.1)
    raise SystemExit(f"no delivery of {order} is listed as failed")


# An upload by address, and one of a file.
upload = client.XhqUpload(fileUrl="http://files.example.com/1.zip", orderOutNo="SO-1", isReload="")
call = xhq.xhq_upload("python-1", connection, upload, prefer="wait=20")
assert call.state == client.CallState.SUCCEEDED, call
shown = calls.get_call(call.id)
assert shown.request.body["orderOutNo"] == "SO-1" and shown.answer.status == 200, shown
content = client.FileContent(name="a.pdf", base64=base64.b64encode(b"%PDF-").decode())
call = xhq.xhq_file_upload("python-2", connection, client.XhqFileUpload(file=client.Enclosure(content)), prefer="wait=20")
assert call.state == client.CallState.SUCCEEDED, call
assert [found.id for found in calls.list_calls(subject="order:SO-1").items] == [shown.id]

# A text may begin with a blank, whatever the client makes of the schema's patterns.
xhq.xhq_recall("python-3", connection, client.XhqRecall(orderOutNo="SO-1", hdUserName=" x"), prefer="wait=20")

# A body that its schema does not allow.
try:
    xhq.xhq_upload("python-4", connection, client.XhqUpload.model_construct(file_url="x"))
except client.ApiException as error:
    assert error.status == 400 and "orderOutNo" in error.body, error
else:
    raise SystemExit("a body without its required fields was taken")

# What failed is replayed, once it is seen what that would be.
page, item = failed(os.environ["REPLAYED"])
key = client.EventKey(connection=item.connection, subject=item.subject, id=item.id)
order = client.ReplayDeliveriesRequest(endpoint="erp", events=[key])
assert deliveries.replay_deliveries(order).replayed == 0
order.dry_run = False
assert deliveries.replay_deliveries(order).replayed == 1
for _ in range(300):
    event = events.get_event(item.connection, item.subject, item.id)
    if event.deliveries[0].state == "delivered":
        break
    time.sleep(0.1)
assert event.deliveries[0].state == "delivered", event
assert event.event.data["orderOutNo"] == os.environ["REPLAYED"], event
assert events.list_events(item.connection, item.subject).items[0].id == item.id

# What failed and was seen is confirmed.
page, item = failed(os.environ["CONFIRMED"])
key = client.EventKey(connection=item.connection, subject=item.subject, id=item.id)
done = deliveries.confirm_deliveries(client.ConfirmDeliveriesRequest(endpoint="erp", events=[key]))
assert (done.confirmed, done.next) == (1, None), done
