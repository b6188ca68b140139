-- Calls are looked up by the customer's order.
CREATE INDEX idx_calllogs_metadata_order_id ON calllogs ((metadata ->> 'orderId'));
